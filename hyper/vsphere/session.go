package vsphere

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	callTime = 5 * time.Minute  // bounds one call: change maps of large disks take long
	keepTime = 10 * time.Minute // sessions expire after 30 minutes without a call
)

// A session is a login that is made again when it has expired.
type session struct {
	soap           *soap.Client
	manager        Ref
	user, password string

	mu     sync.Mutex // of what follows, and held while logging in
	logins int
	key    string // the last one's
}

// login begins it.
func (s *session) login(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, err := methods.Login(ctx, s.soap, &types.Login{This: s.manager, UserName: s.user, Password: s.password, Locale: "en_US"})
	if err != nil {
		return fmt.Errorf("user %s: %w", s.user, translate(err))
	}
	s.logins++
	s.key = answer.Returnval.Key
	return nil
}

// again logs in once more, if nobody has since there were so many logins.
func (s *session) again(ctx context.Context, logins int) error {
	s.mu.Lock()
	now := s.logins
	s.mu.Unlock()
	if now != logins {
		return nil
	}
	return s.login(ctx)
}

func (s *session) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

// id is what the server calls the session.
func (s *session) id() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.key
}

// askTries is how often what changes nothing is asked when the network fails.
const askTries = 4

// RoundTrip is every call's way to the server.
func (s *session) RoundTrip(ctx context.Context, req, res soap.HasFault) error {
	for try := 1; ; try++ {
		err := s.once(ctx, req, res)
		if err == nil || try == askTries || !asks(req) || !passing(err) || ctx.Err() != nil {
			return err
		}
		if err := sleep(ctx, time.Duration(try*try)*100*time.Millisecond); err != nil {
			return err
		}
		reset(res)
	}
}

// loginTries is how often a call is made in sessions that turn out to have expired.
const loginTries = 3

// once calls, and logs in again if the session has expired: then nothing was done.
func (s *session) once(ctx context.Context, req, res soap.HasFault) error {
	ctx, cancel := context.WithTimeoutCause(ctx, callTime, fmt.Errorf("%w: no answer within %v", ErrTimeout, callTime))
	defer cancel()
	for try := 1; ; try++ {
		logins := s.count()
		err := s.soap.RoundTrip(ctx, req, res)
		if !faulted(translate(err), "NotAuthenticated") || try == loginTries {
			return err
		}
		if err := s.again(ctx, logins); err != nil {
			return fmt.Errorf("the session has expired: %w", err)
		}
		reset(res)
	}
}

// reset empties an answer: a fault in it would outlive the next one.
func reset(res soap.HasFault) {
	v := reflect.ValueOf(res).Elem()
	v.Set(reflect.Zero(v.Type()))
}

// asks tells whether a call changes nothing.
func asks(req soap.HasFault) bool {
	switch req.(type) {
	case *methods.RetrievePropertiesExBody, *methods.QueryChangedDiskAreasBody, *methods.CurrentTimeBody, *methods.HasPrivilegeOnEntitiesBody:
		return true
	}
	return false
}

// passing tells whether an error is the network's, and may be over soon.
func passing(err error) bool {
	if soap.IsSoapFault(err) || errors.Is(err, ErrCertificate) || errors.Is(err, ErrThumbprint) || errors.Is(err, ErrLogin) {
		return false
	}
	return true
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// keep keeps the session alive until ctx ends. That it cannot is told by the next call.
func (c *Conn) keep(ctx context.Context) {
	for sleep(ctx, keepTime) == nil {
		methods.CurrentTime(ctx, c.vim, &types.CurrentTime{This: vim25.ServiceInstance})
	}
}
