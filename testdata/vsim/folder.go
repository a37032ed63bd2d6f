package vsim

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
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
	if h.deniedAny("Datastore.Browse", "Datastore.FileManagement") {
		http.Error(w, "403 Forbidden", http.StatusForbidden)
		return
	}
	h.file(w, r)
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

func (h *Host) file(w http.ResponseWriter, r *http.Request) {
	file := h.fileOf(r.URL)
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
