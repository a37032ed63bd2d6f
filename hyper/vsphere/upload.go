package vsphere

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// PutFile writes a small file of a machine, named [datastore] folder/name, as a whole, through the server.
func (c *Conn) PutFile(ctx context.Context, m *Machine, name string, data []byte) error {
	var p object.DatastorePath
	if !p.FromString(name) || p.Path == "" {
		return fmt.Errorf("%w: %q is no path of a datastore", ErrFile, name)
	}
	w, err := c.serverWay(ctx, m, p)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := c.put(ctx, w, data); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// putTries is how often a file is sent: a host that is busy answers 503, and sessions expire.
const putTries = 5

// put sends all of it, again after errors that pass.
func (c *Conn) put(ctx context.Context, w *way, data []byte) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, fileTime, fmt.Errorf("%w: more than %v", ErrTimeout, fileTime))
	defer cancel()
	for try := range putTries {
		if try > 0 && sleep(ctx, firstPause<<try) != nil {
			break
		}
		if err = c.putOnce(ctx, w, data); err == nil || !w.again(err) {
			break
		}
	}
	return err
}

func (c *Conn) putOnce(ctx context.Context, w *way, data []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, w.url.String(), bytes.NewReader(data))
	if err != nil {
		return err
	}
	logins := c.session.count()
	res, err := c.session.soap.Client.Do(req)
	if err != nil {
		return unreachable(err)
	}
	res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent:
		return nil
	case http.StatusUnauthorized:
		if err := c.session.again(ctx, logins); err != nil {
			return fmt.Errorf("the session has expired: %w", err)
		}
	}
	return &statusError{res.StatusCode, res.Status}
}

// Exists tells whether files of a datastore are there, each named [datastore] folder/name.
func (c *Conn) Exists(ctx context.Context, datastore Ref, file string) (bool, error) {
	var d mo.Datastore
	if err := property.DefaultCollector(c.vim).RetrieveOne(ctx, datastore, []string{"browser"}, &d); err != nil {
		return false, fmt.Errorf("look for %s: %w", file, translate(err))
	}
	var p object.DatastorePath
	if !p.FromString(file) {
		return false, nil
	}
	dir, base := split(p)
	r, err := methods.SearchDatastore_Task(ctx, c.vim, &types.SearchDatastore_Task{This: d.Browser, DatastorePath: dir,
		SearchSpec: &types.HostDatastoreBrowserSearchSpec{MatchPattern: []string{base}}})
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", file, translate(err))
	}
	result, err := c.within(ctx, createTime, r.Returnval)
	if faulted(err, "FileNotFound") {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", file, err)
	}
	found, _ := result.(types.HostDatastoreBrowserSearchResults)
	return len(found.File) > 0, nil
}

func split(p object.DatastorePath) (dir, base string) {
	dir, base = "["+p.Datastore+"]", p.Path
	for i := len(p.Path) - 1; i >= 0; i-- {
		if p.Path[i] == '/' {
			return dir + " " + p.Path[:i], p.Path[i+1:]
		}
	}
	return dir, base
}
