package vsim

import (
	"reflect"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// calls is the head of every object that answers for one of vcsim's. vcsim finds the method by its name: Foo, or FooTask for
// Foo_Task. It has Self, so that vcsim locks what it stands for, and is no mo.Entity, on which vcsim would write.
type calls struct {
	Self types.ManagedObjectReference
	h    *Host
	real *simulator.Registry // the session's
}

// Reference makes it an object.
func (c *calls) Reference() types.ManagedObjectReference { return c.Self }

// enter must be the first thing a method does: what it stores in the session must reach the session.
func (c *calls) enter(ctx *simulator.Context) { ctx.Session.Registry = c.real }

// handle sees every call before vcsim does. An object returned is not enough to have it called: what the session knows is
// preferred, and falls back on the registry. So the session of this one request is made to know nothing but that object.
func (h *Host) handle(ctx *simulator.Context, m *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	if ctx.Session == nil {
		h.countCall(m.Name)
		return nil, unauthenticated(m)
	}
	if !h.byAdmin(ctx) {
		h.countCall(m.Name)
		if fault := h.refuse(m); fault != nil {
			return nil, fault
		}
	}
	object := h.override(ctx, m)
	if object == nil {
		return nil, nil
	}
	only := simulator.NewRegistry()
	only.Put(object)
	ctx.Session.Registry = only
	return object, nil
}

func (h *Host) countCall(method string) {
	h.count(func(c *Counts) { c.Calls[method]++ })
}

// unauthenticated refuses what vcsim lets anybody read.
func unauthenticated(m *simulator.Method) types.BaseMethodFault {
	switch m.Name {
	case "Fetch", "RetrieveProperties", "RetrievePropertiesEx":
		return &types.NotAuthenticated{NoPermission: types.NoPermission{Object: &m.This, PrivilegeId: "System.View"}}
	}
	return nil
}

// refuse is for privileges that are missing, and failures of calls that end before there is a task.
func (h *Host) refuse(m *simulator.Method) types.BaseMethodFault {
	if fault := h.missing(m.Name, m.This); fault != nil {
		return fault
	}
	if ownTasks[m.Name] {
		return nil
	}
	return h.failure(m.Name, m.This)
}

// override is the object that answers in place of vcsim's, or nil.
func (h *Host) override(ctx *simulator.Context, m *simulator.Method) mo.Reference {
	if h.reg.Get(m.This) == nil {
		return nil
	}
	head := calls{Self: m.This, h: h, real: ctx.Session.Registry}
	var object mo.Reference
	switch m.This.Type {
	case "VirtualMachine":
		object = &machineCalls{head}
	case "VirtualMachineSnapshot":
		object = &snapshotCalls{head}
	case "Folder":
		object = &folderCalls{head}
	case "ResourcePool", "VirtualApp":
		object = &poolCalls{head}
	case "VirtualDiskManager":
		object = &diskCalls{head}
	case "OvfManager":
		object = &ovfCalls{head}
	case "AuthorizationManager":
		object = &rightsCalls{head}
	case "SessionManager":
		object = &sessionCalls{head}
	default:
		return nil
	}
	name := strings.TrimSuffix(m.Name, "_Task")
	if name != m.Name {
		name += "Task"
	}
	if !reflect.ValueOf(object).MethodByName(name).IsValid() {
		return nil
	}
	return object
}

// ownTasks are the methods whose task this package runs.
var ownTasks = map[string]bool{}

// A job is what a task does. It holds no lock when it begins.
type job func(*simulator.Context) (types.AnyType, types.BaseMethodFault)

// task runs a job of a method, and is that method's failure. vcsim holds the object's lock over a task, so that nobody could
// read a machine during a long one; this task's lock is on a name of its own.
func (h *Host) task(ctx *simulator.Context, on types.ManagedObjectReference, method string, do job) types.ManagedObjectReference {
	own, session := *ctx, *ctx.Session
	own.Session = &session
	name := strings.ToLower(method[:1]) + strings.TrimSuffix(method[1:], "_Task")
	lock := types.ManagedObjectReference{Type: on.Type, Value: on.Value + "/" + newUUID()}
	t := simulator.CreateTask(lock, name, func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		h.slow(method)
		if !h.byAdmin(&own) {
			if fault := h.failure(method, on); fault != nil {
				return nil, fault
			}
		}
		return do(&own)
	})
	ref := t.Run(&own)
	h.reg.WithLock(&own, t, func() { t.Info.Entity, t.Info.EntityName = &on, on.Value })
	h.recent(ctx, on, ref)
	return ref
}

// recent has a machine tell of a task: vcsim does so for those that go by the machine's own lock.
func (h *Host) recent(ctx *simulator.Context, on, task types.ManagedObjectReference) {
	if vm, ok := h.reg.Get(on).(*simulator.VirtualMachine); ok {
		h.reg.WithLock(ctx, vm, func() {
			h.reg.Update(ctx, vm, []types.PropertyChange{{Name: "recentTask", Val: append(slices.Clone(vm.RecentTask), task)}})
		})
	}
}

// ended waits for a task of vcsim's that a method was answered with.
func (h *Host) ended(ref types.ManagedObjectReference) (types.AnyType, types.BaseMethodFault) {
	t := h.reg.Get(ref).(*simulator.Task)
	t.Wait()
	if t.Info.Error != nil {
		return nil, t.Info.Error.Fault
	}
	return t.Info.Result, nil
}
