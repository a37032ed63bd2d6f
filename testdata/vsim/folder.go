package vsim

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

// folder serves /folder/PATH?dsName=…&dcPath=… to those who are logged in.
func (h *Host) folder(w http.ResponseWriter, r *http.Request) {
	if !h.hasSession(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="VMware HTTP server"`)
		http.Error(w, "401 Unauthorized", http.StatusUnauthorized)
		return
	}
	q := r.URL.Query()
	if !h.options.ESX && path.Base(q.Get("dcPath")) != h.admin.dc.Name() {
		http.Error(w, "no such datacenter", http.StatusNotFound)
		return
	}
	h.file(w, r, nil)
}

// fileOf is the local path of the file that a URL names, "" for none.
func (h *Host) fileOf(u *url.URL) string {
	dir, ok := h.datastores[u.Query().Get("dsName")]
	name := strings.TrimPrefix(u.Path, "/folder/")
	if !ok || !filepath.IsLocal(filepath.FromSlash(name)) {
		return ""
	}
	return filepath.Join(dir, filepath.FromSlash(name))
}

// file serves what is asked for at the vCenter, or at a host.
func (h *Host) file(w http.ResponseWriter, r *http.Request, at *types.ManagedObjectReference) {
	if h.deniedAny("Datastore.Browse", "Datastore.FileManagement") {
		http.Error(w, "403 Forbidden", http.StatusForbidden)
		return
	}
	file := h.fileOf(r.URL)
	if h.options.Locked && h.isLocked(file, at) {
		http.Error(w, "500 Internal Server Error: the file is locked", http.StatusInternalServerError)
		return
	}
	if file == "" {
		http.NotFound(w, r)
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		h.get(w, r, file)
	case http.MethodPut, http.MethodPost:
		h.put(w, r, file)
	case http.MethodDelete:
		if err := os.Remove(file); err != nil {
			http.NotFound(w, r)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		http.Error(w, "", http.StatusMethodNotAllowed)
	}
}

// isLocked tells flats of machines that run elsewhere.
func (h *Host) isLocked(file string, at *types.ManagedObjectReference) bool {
	h.mu.Lock()
	machines := slices.Collect(maps.Values(h.machines))
	h.mu.Unlock()
	for _, m := range machines {
		if vm := m.vm(); vm != nil && slices.Contains(m.flats(), file) {
			elsewhere := false
			h.reg.WithLock(h.context(), vm, func() {
				elsewhere = vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn && (at == nil || *vm.Runtime.Host != *at)
			})
			return elsewhere
		}
	}
	return false
}

// get serves a file or a range of it. While it does, the file is held.
func (h *Host) get(w http.ResponseWriter, r *http.Request, file string) {
	f, err := os.Open(file)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.IsDir() {
		http.NotFound(w, r)
		return
	}
	if err = hold(f); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h.count(func(c *Counts) { c.Reads++ })
	w.Header().Set("Content-Type", "application/octet-stream")
	counted := &countWriter{ResponseWriter: w}
	defer func() { h.count(func(c *Counts) { c.Bytes += counted.n }) }()
	http.ServeContent(counted, r, "", time.Time{}, f)
}

// put replaces the whole file, as a real host does: a Content-Range is not heeded.
func (h *Host) put(w http.ResponseWriter, r *http.Request, file string) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	f, err := os.Create(file)
	if err == nil {
		_, err = io.Copy(f, r.Body)
		f.Close()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

// A countWriter counts the bytes of bodies.
type countWriter struct {
	http.ResponseWriter
	n int64
}

func (w *countWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.n += int64(n)
	return n, err
}
