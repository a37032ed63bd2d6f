package vsim

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// A ticket is good for one request to one URL of a host: API reference, SessionManager.GenericServiceTicket.
type ticket struct {
	url    string
	method string
}

// sessionCalls answers for the session manager.
type sessionCalls struct{ calls }

// AcquireGenericServiceTicket gives a ticket for a URL of the host that the URL names.
func (c *sessionCalls) AcquireGenericServiceTicket(ctx *simulator.Context, req *types.AcquireGenericServiceTicket) soap.HasFault {
	c.enter(ctx)
	body := new(methods.AcquireGenericServiceTicketBody)
	spec, ok := req.Spec.(*types.SessionManagerHttpServiceRequestSpec)
	if !ok {
		body.Fault_ = simulator.Fault("", invalid("spec"))
		return body
	}
	door := c.h.doorOf(spec.Url)
	if door == nil {
		body.Fault_ = simulator.Fault(fmt.Sprintf("no host at %s", spec.Url), invalid("spec.url"))
		return body
	}
	id := newUUID()
	c.h.mu.Lock()
	c.h.tickets[id] = ticket{url: spec.Url, method: strings.ToUpper(strings.TrimPrefix(spec.Method, "http"))}
	c.h.mu.Unlock()
	body.Res = &types.AcquireGenericServiceTicketResponse{Returnval: types.SessionManagerGenericServiceTicket{
		Id: id, HostName: hostOf(door), SslThumbprint: door.cert().thumbprint()}}
	return body
}

func hostOf(f *front) string {
	host, _, _ := strings.Cut(f.address(), ":")
	return host
}

func (h *Host) doorOf(url string) *front {
	for _, door := range h.doors {
		if strings.HasPrefix(url, "https://"+hostOf(door)+"/") || strings.HasPrefix(url, "https://"+hostOf(door)+":443/") {
			return door
		}
	}
	return nil
}

// openDoors gives each ESXi host of a vCenter an address of its own, with port 443, where its files are had with tickets: who
// asks for its management address gets this one.
func (h *Host) openDoors() error {
	if h.options.ESX {
		return nil
	}
	hosts, err := h.admin.finder.HostSystemList(context.Background(), "*/*")
	if err != nil {
		return err
	}
	for _, host := range hosts {
		door, err := h.anyDoor(host.Reference())
		if err != nil {
			return fmt.Errorf("give host %s an address: %w", host.Name(), err)
		}
		h.doors[host.Reference()] = door
		h.place(host, hostOf(door))
	}
	return nil
}

// CloseHosts makes the ESXi hosts unreachable for clients, though not for the vCenter.
func (h *Host) CloseHosts() {
	h.t.Helper()
	for _, door := range h.doors {
		h.must(door.server.Close())
	}
}

// anyDoor tries addresses until one is free: other test binaries do the same.
func (h *Host) anyDoor(host types.ManagedObjectReference) (*front, error) {
	for try := 0; ; try++ {
		var b [3]byte
		rand.Read(b[:])
		address := fmt.Sprintf("127.%d.%d.%d:443", 1+b[0]%250, b[1], 1+b[2]%250)
		door, err := h.newFront(address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.atDoor(w, r, host) }))
		if err == nil || try == 20 {
			return door, err
		}
	}
}

// place writes a host's management address where clients look for it.
func (h *Host) place(host *object.HostSystem, address string) {
	hs := h.reg.Get(host.Reference()).(*simulator.HostSystem)
	h.reg.WithLock(h.context(), hs, func() {
		nic := types.HostVirtualNic{Device: "vmk0", Key: "key-vim.host.VirtualNic-vmk0", Spec: types.HostVirtualNicSpec{
			Ip: &types.HostIpConfig{IpAddress: address, SubnetMask: "255.0.0.0"}}}
		hs.Config.VirtualNicManagerInfo = &types.HostVirtualNicManagerInfo{NetConfig: []types.VirtualNicManagerNetConfig{{
			NicType: string(types.HostVirtualNicManagerNicTypeManagement), MultiSelectAllowed: true,
			CandidateVnic: []types.HostVirtualNic{nic}, SelectedVnic: []string{nic.Key}}}}
	})
}

// atDoor serves /folder of one host to whoever has a ticket.
func (h *Host) atDoor(w http.ResponseWriter, r *http.Request, host types.ManagedObjectReference) {
	h.count(func(c *Counts) { c.Requests++ })
	w, r = h.trouble(w, r)
	if w == nil {
		return
	}
	if strings.HasPrefix(r.URL.Path, "/nfc/") {
		h.nfc(w, r)
		return
	}
	if !strings.HasPrefix(r.URL.Path, "/folder/") {
		http.NotFound(w, r)
		return
	}
	if !h.punch(r) {
		http.Error(w, "401 Unauthorized", http.StatusUnauthorized)
		return
	}
	h.count(func(c *Counts) { c.ByHost++ })
	h.file(w, r, &host)
}

// punch uses a request's ticket up.
func (h *Host) punch(r *http.Request) bool {
	cookie, err := r.Cookie("vmware_cgi_ticket")
	if err != nil {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	t, ok := h.tickets[cookie.Value]
	if !ok || t.method != r.Method || !strings.HasSuffix(t.url, r.URL.RequestURI()) {
		return false
	}
	if !h.options.ReusableTickets {
		delete(h.tickets, cookie.Value)
	}
	return true
}
