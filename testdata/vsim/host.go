package vsim

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"
)

// TB is what a host needs of a test, a benchmark, or a program that measures.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Options say what is started. Their zero value is a vCenter with two datastores and no machines.
type Options struct {
	ESX bool // a standalone ESXi, which has its own sessions, no tags and no service tickets

	User     string // "" is DefaultUser
	Password string // "" is DefaultPassword

	Datastores []Datastore // none: DefaultDatastores

	MaxAreas     int           // of one answer of QueryChangedDiskAreas; 0 is 2000
	Window       int64         // bytes that one answer covers at most, with or without areas; 0 is the whole disk
	LeaseTimeout time.Duration // of NFC leases, without progress; 0 is 300 s
	IdleTimeout  time.Duration // of sessions, without SOAP calls; 0 is for ever

	// Locked makes the flats of running machines readable at their own host only, as on file systems whose locks hosts hold:
	// elsewhere the answer is 500.
	Locked bool

	ReusableTickets bool // service tickets are not used up by their first request, against what is documented
}

// What a host is started with when nothing else is said. They need quoting in most places, and are meant to.
const (
	DefaultUser     = `backup@vsphere.local`
	DefaultPassword = `p&ss "word" <é>`
)

// A Datastore is where files of machines lie.
type Datastore struct {
	Name string
	Type string // "VMFS", which "" is, or "NFS", where the areas of `*` are one, the whole disk
}

// DefaultDatastores are those of a host whose Options name none.
var DefaultDatastores = []Datastore{{Name: "fast"}, {Name: "slow disks 7%"}}

// A Host is a vCenter with its ESXi hosts, or a standalone ESXi.
type Host struct {
	t TB
	*state
}

// state is what all views of a host share.
type state struct {
	options Options
	dir     string
	model   *simulator.Model
	service *simulator.Service
	reg     *simulator.Registry
	front   *front
	doors   map[types.ManagedObjectReference]*front // the ESXi hosts' own, by HostSystem
	admin   *admin

	mu         sync.Mutex
	machines   map[types.ManagedObjectReference]*Machine
	datastores map[string]string // name to directory
	failures   []*Failure
	troubles   []*Trouble
	denied     map[string]bool
	delays     map[string]time.Duration
	tickets    map[string]ticket
	leases     map[string]*lease
	counts     Counts
	vddk       string // directory of the VDDK double; "" until it is asked for
}

// Start starts a host that ends with the test.
func Start(t TB, o Options) *Host {
	t.Helper()
	h, err := start(t, o)
	if err != nil {
		t.Fatalf("start vsim: %v", err)
	}
	return h
}

// As is the same host, whose troubles are another test's.
func (h *Host) As(t TB) *Host { return &Host{t: t, state: h.state} }

func start(t TB, o Options) (*Host, error) {
	dir, err := os.MkdirTemp("", "vsim")
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := &Host{t: t, state: &state{
		options: defaults(o), dir: dir,
		doors:      make(map[types.ManagedObjectReference]*front),
		machines:   make(map[types.ManagedObjectReference]*Machine),
		datastores: make(map[string]string),
		denied:     make(map[string]bool),
		delays:     make(map[string]time.Duration),
		tickets:    make(map[string]ticket),
		leases:     make(map[string]*lease),
		counts:     Counts{Calls: make(map[string]int)},
	}}
	for _, step := range []func() error{h.inventory, h.serve, h.login, h.stores, h.openDoors, h.limitSessions} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func defaults(o Options) Options {
	if o.User == "" {
		o.User = DefaultUser
	}
	if o.Password == "" {
		o.Password = DefaultPassword
	}
	if o.Datastores == nil {
		o.Datastores = DefaultDatastores
	}
	if o.MaxAreas == 0 {
		o.MaxAreas = 2000
	}
	if o.LeaseTimeout == 0 {
		o.LeaseTimeout = 300 * time.Second
	}
	return o
}

// creation lets one model be made at a time: vcsim's own client, which makes it, has one session for the whole process.
var creation sync.Mutex

// inventory makes what vcsim has: a datacenter with a standalone host and a cluster of two, or one ESXi.
func (h *Host) inventory() error {
	creation.Lock()
	defer creation.Unlock()
	h.model = simulator.VPX()
	h.model.ClusterHost = 2
	if h.options.ESX {
		h.model = simulator.ESX()
	}
	h.model.Machine, h.model.Datastore = 0, 0
	if err := h.model.Create(); err != nil {
		return fmt.Errorf("make an inventory: %w", err)
	}
	h.t.Cleanup(h.model.Remove)
	h.service = h.model.Service
	h.reg = h.service.Context.Map
	h.reg.Handler = h.handle
	return nil
}

// serve puts the front before vcsim. vcsim's own listener is started, because only that registers its endpoints, and closed.
func (h *Host) serve() error {
	h.service.ServeMux = http.NewServeMux()
	h.service.RegisterEndpoints = true
	h.service.Listen = &url.URL{User: url.UserPassword(h.options.User, h.options.Password)}
	h.service.NewServer().Close()
	h.reg.SessionManager().ValidLogin = h.validLogin
	var err error
	if h.front, err = h.newFront("127.0.0.1:0", http.HandlerFunc(h.route)); err != nil {
		return err
	}
	h.reg.OptionManager().UpdateOptions(&types.UpdateOptions{ChangedValue: []types.BaseOptionValue{
		&types.OptionValue{Key: "vcsim.server.url", Value: h.URL().String()}}})
	return nil
}

func (h *Host) validLogin(l *types.Login) bool {
	return l.UserName == h.options.User && l.Password == h.options.Password || h.isAdmin(l)
}

// URL is where clients connect to, without user and password.
func (h *Host) URL() *url.URL {
	return &url.URL{Scheme: "https", Host: h.front.address(), Path: vim25.Path}
}

// User and Password are what it lets in.
func (h *Host) User() string     { return h.options.User }
func (h *Host) Password() string { return h.options.Password }

// Thumbprint is that of the certificate, SHA-1 in VMware's form (AA:BB:...).
func (h *Host) Thumbprint() string { return h.front.cert().thumbprint() }

// CAFile holds the certificate, which is self-signed, as PEM.
func (h *Host) CAFile() string { return h.front.cert().file }

// NewCertificate changes it, as a reinstalled server does.
func (h *Host) NewCertificate() {
	h.t.Helper()
	h.must(h.front.renew())
	if h.vddk != "" {
		h.must(h.account())
	}
}

// context is one for calls into vcsim that come from no client. Each is its own owner of locks.
func (h *Host) context() *simulator.Context {
	c := *h.service.Context
	c.Context = context.Background()
	return &c
}

func (h *Host) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatalf("vsim: %v", err)
	}
}
