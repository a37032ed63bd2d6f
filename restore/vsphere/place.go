package vsphere

import (
	"fmt"
	"path"
	"strings"

	hyper "vbfs/hyper/vsphere"
)

// A place is where a new machine is to be.
type place struct {
	datacenter *hyper.Datacenter
	folder     hyper.Ref // of those above it, the last that is there
	missing    []string  // folders to be made below that
	path       string    // /DC/vm/folder, with those that are to be made
	compute    *hyper.Compute
	pool       *hyper.Pool
	host       *hyper.Host
	home       *hyper.Datastore            // of its configuration
	stores     map[string]*hyper.Datastore // of its disks, by their names in the point
	formats    map[string]string           // likewise
	networks   map[int32]plug              // of its cards, by the recorded device keys
}

// locate finds the machine's name, and the folder that it is to be in.
func (n *newMachine) locate() error {
	folder, name := n.o.Path, n.o.Name
	switch {
	case folder == "":
		folder = path.Dir(n.was.Path)
	case name == "" && !strings.HasSuffix(folder, "/") && n.folderAt(folder) == nil && len(named(folder, n.site.Datacenters, ofDatacenter)) == 0:
		folder, name = path.Split(folder)
	}
	if err := n.inFolder("/" + strings.Trim(folder, "/")); err != nil {
		return err
	}
	if n.name = escaped(name); name == "" {
		n.name = n.recorded()
	}
	return nil
}

// recorded is the recorded machine's name.
func (n *newMachine) recorded() string {
	if n.was.Name != "" {
		return n.was.Name
	}
	return escaped(n.info.Name)
}

// escaped is a name as the inventory has it. vSphere API reference, ManagedEntity.name.
func escaped(name string) string {
	known := strings.NewReplacer("%2f", "%2f", "%2F", "%2f", "%5c", "%5c", "%5C", "%5c", "%25", "%25", "%", "%25", "/", "%2f", `\`, "%5c")
	return known.Replace(name)
}

// inFolder finds the folder's datacenter, and how much of it is there.
func (n *newMachine) inFolder(folder string) (err error) {
	for i := range n.site.Datacenters {
		if d := &n.site.Datacenters[i]; folder == d.Path || strings.HasPrefix(folder, d.Path+"/") {
			n.datacenter = d
		}
	}
	if n.datacenter == nil {
		if n.o.Path != "" {
			return fmt.Errorf("%w: %s is in no datacenter: there are [%s]; a path is /DATACENTER/vm/FOLDER/NAME", ErrNoPlace, folder, names(n.site.Datacenters, ofDatacenter))
		}
		what := choice{what: "datacenter", flag: "a path, as vsphere:/DATACENTER/vm", none: ErrNoPlace}
		if n.datacenter, err = pick(what, n.site.Datacenters, ofDatacenter); err != nil {
			return err
		}
		folder = n.datacenter.Path
	}
	root := n.root()
	if folder == n.datacenter.Path {
		folder = root
	}
	if folder != root && !strings.HasPrefix(folder, root+"/") {
		return fmt.Errorf("%w: %s holds no machines: their folders are below %s", ErrNoPlace, folder, root)
	}
	n.path, n.missing = folder, nil
	for ; ; folder = path.Dir(folder) {
		if f := n.folderAt(folder); f != nil {
			n.folder = f.Ref
			return nil
		}
		if folder == root || len(folder) <= 1 {
			return fmt.Errorf("%w: the account may not see %s", ErrNoPlace, root)
		}
		n.missing = append([]string{path.Base(folder)}, n.missing...)
	}
}

func ofDatacenter(d *hyper.Datacenter) (name, at string) { return path.Base(d.Path), d.Path }

// root is the path of the datacenter's folder of machines.
func (n *newMachine) root() string {
	for _, f := range n.site.Folders {
		if f.Ref == n.datacenter.Machines {
			return f.Path
		}
	}
	return n.datacenter.Path + "/vm"
}

func (n *newMachine) folderAt(at string) *hyper.Folder {
	for i := range n.site.Folders {
		if n.site.Folders[i].Path == "/"+strings.Trim(at, "/") {
			return &n.site.Folders[i]
		}
	}
	return nil
}

// inside tells what of the inventory is in the machine's datacenter.
func (n *newMachine) inside(path string) bool { return strings.HasPrefix(path, n.datacenter.Path+"/") }
