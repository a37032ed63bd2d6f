package vsim

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmware/govmomi/simulator"
)

// stores makes the datastores and mounts them on all hosts.
func (h *Host) stores() error {
	ctx := context.Background()
	hosts, err := h.admin.finder.HostSystemList(ctx, "*/*")
	if err != nil {
		return err
	}
	for i, d := range h.options.Datastores {
		dir := filepath.Join(h.dir, fmt.Sprintf("datastore%d", i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		h.datastores[d.Name] = dir
		for _, host := range hosts {
			system, err := host.ConfigManager().DatastoreSystem(ctx)
			if err != nil {
				return err
			}
			if _, err = system.CreateLocalDatastore(ctx, d.Name, dir); err != nil {
				return fmt.Errorf("create datastore %s: %w", d.Name, err)
			}
		}
	}
	return h.typeStores()
}

func (h *Host) typeStores() error {
	for _, d := range h.options.Datastores {
		if d.Type == "" {
			d.Type = "VMFS"
		}
		ds := h.datastore(d.Name)
		if ds == nil {
			return fmt.Errorf("datastore %s is not there", d.Name)
		}
		h.reg.AtomicUpdate(h.context(), ds, []types.PropertyChange{{Name: "summary.type", Val: d.Type}})
	}
	return nil
}

func (h *Host) datastore(name string) *simulator.Datastore {
	for _, e := range h.reg.All("Datastore") {
		if ds := e.(*simulator.Datastore); ds.Name == name {
			return ds
		}
	}
	return nil
}

// storeOf is the datastore of a file's name.
func (h *Host) storeOf(name string) *simulator.Datastore {
	var p object.DatastorePath
	if !p.FromString(name) {
		return nil
	}
	return h.datastore(p.Datastore)
}

// isNFS tells whether the areas of `*` are the whole disk there.
func (h *Host) isNFS(datastore string) bool {
	for _, d := range h.options.Datastores {
		if d.Name == datastore {
			return d.Type == "NFS"
		}
	}
	return false
}

// path is where a file named "[datastore] path" really lies.
func (h *Host) path(name string) (string, error) {
	var p object.DatastorePath
	if !p.FromString(name) {
		return "", fmt.Errorf("%q names no file of a datastore", name)
	}
	dir, ok := h.datastores[p.Datastore]
	if !ok {
		return "", fmt.Errorf("no datastore %q", p.Datastore)
	}
	return filepath.Join(dir, filepath.FromSlash(p.Path)), nil
}

// Path is where a file of a datastore, named "[datastore] path", lies on this machine.
func (h *Host) Path(name string) string {
	h.t.Helper()
	p, err := h.path(name)
	h.must(err)
	return p
}

func (h *Host) exists(name string) bool {
	p, err := h.path(name)
	if err != nil {
		return false
	}
	_, err = os.Stat(p)
	return err == nil
}
