package vsim

import (
	"net/http"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// sessions lists those that live, the test's own among them.
func (h *Host) sessions() []types.UserSession {
	view := &simulator.Session{Registry: simulator.NewRegistry(), Map: h.reg}
	return view.Get(h.reg.SessionManager().Self).(*simulator.SessionManager).SessionList
}

// Sessions is how many clients are logged in.
func (h *Host) Sessions() int {
	n := 0
	for _, s := range h.sessions() {
		if s.UserName != adminUser {
			n++
		}
	}
	return n
}

// ExpireSessions ends all sessions of clients: their next calls are answered with NotAuthenticated, their next reads with 401.
func (h *Host) ExpireSessions() {
	h.t.Helper()
	var ids []string
	for _, s := range h.sessions() {
		if s.UserName != adminUser {
			ids = append(ids, s.Key)
		}
	}
	ctx := h.context()
	ctx.Session = &simulator.Session{Registry: simulator.NewRegistry(), Map: h.reg}
	res := h.reg.SessionManager().TerminateSession(ctx, &types.TerminateSession{SessionId: ids})
	if f := res.Fault(); f != nil {
		h.t.Fatalf("vsim: end sessions: %v", f)
	}
}

// limitSessions comes after the test's own session has begun, which has no limit.
func (h *Host) limitSessions() error {
	if h.options.IdleTimeout > 0 {
		h.reg.OptionManager().UpdateOptions(&types.UpdateOptions{ChangedValue: []types.BaseOptionValue{
			&types.OptionValue{Key: "config.vmacore.soap.sessionTimeout", Value: h.options.IdleTimeout.String()}}})
	}
	return nil
}

// hasSession tells whether a request carries the cookie of a session that lives.
func (h *Host) hasSession(r *http.Request) bool {
	cookie, err := r.Cookie(soap.SessionCookieName)
	if err != nil {
		return false
	}
	for _, s := range h.sessions() {
		if s.Key == cookie.Value {
			return true
		}
	}
	return false
}
