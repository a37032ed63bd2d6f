package vsim

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25"
)

// A Trouble is what happens to HTTP requests. The first one that fits a request and has Times left is used, and only that.
type Trouble struct {
	Path   string // requests whose path begins so: "/folder/", "/nfc/", "/sdk"; "" is all
	Suffix string // and ends so: "-flat.vmdk"
	Method string // "" is all
	Call   string // of SOAP alone: "CreateVM_Task"; "" is all
	Skip   int    // that many are let through first
	Times  int    // 0 is for ever

	Delay  time.Duration // before anything else
	Status int           // instead of an answer: 503
	Cut    bool          // the connection ends after After bytes of the body, of the request's if it is an upload
	Short  bool          // the body, and its length, is After bytes less than the answer's other headers say
	After  int64
	Whole  bool // the range is ignored: 200 and the whole file
}

// Trouble makes it happen from now on.
func (h *Host) Trouble(t Trouble) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.Times == 0 {
		t.Times = -1
	}
	h.troubles = append(h.troubles, &t)
}

// NoTrouble ends all of it.
func (h *Host) NoTrouble() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.troubles, h.failures, h.delays = nil, nil, make(map[string]time.Duration)
}

func (h *Host) troubleFor(r *http.Request) *Trouble {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.troubles {
		if t.Times == 0 || !t.fits(r) {
			continue
		}
		if t.Skip > 0 {
			t.Skip--
			continue
		}
		t.Times--
		return t
	}
	return nil
}

func (t *Trouble) fits(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, t.Path) && strings.HasSuffix(r.URL.Path, t.Suffix) &&
		(t.Method == "" || t.Method == r.Method) && (t.Call == "" || called(r, t.Call))
}

// called tells whether a request is a SOAP call of a method.
func called(r *http.Request, method string) bool {
	if r.URL.Path != vim25.Path {
		return false
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return err == nil && bytes.Contains(body, []byte("<"+method+" "))
}

// trouble returns what to go on with; without a writer the request is done with.
func (h *Host) trouble(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
	t := h.troubleFor(r)
	if t == nil {
		return w, r
	}
	time.Sleep(t.Delay)
	if t.Whole {
		r.Header.Del("Range")
	}
	switch {
	case t.Status != 0:
		http.Error(w, http.StatusText(t.Status), t.Status)
		return nil, r
	case t.Cut && r.ContentLength != 0 && strings.HasPrefix(r.URL.Path, "/nfc/"):
		r.Body = &cutBody{r.Body, t.After}
	case t.Cut:
		return &cutWriter{ResponseWriter: w, left: t.After}, r
	case t.Short:
		return &shortWriter{ResponseWriter: w, less: t.After}, r
	}
	return w, r
}

// A cutBody ends the connection when left bytes were taken of what is uploaded.
type cutBody struct {
	io.ReadCloser
	left int64
}

func (b *cutBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), max(b.left, 1))])
	if b.left -= int64(n); b.left <= 0 {
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// A cutWriter ends the connection when left bytes are written.
type cutWriter struct {
	http.ResponseWriter
	left int64
}

func (w *cutWriter) Write(p []byte) (int, error) {
	if int64(len(p)) <= w.left {
		w.left -= int64(len(p))
		return w.ResponseWriter.Write(p)
	}
	w.ResponseWriter.Write(p[:w.left])
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
	panic(http.ErrAbortHandler)
}

// A shortWriter leaves out the end of a body whose length is announced, and says so only in Content-Length.
type shortWriter struct {
	http.ResponseWriter
	less int64
	left int64
}

func (w *shortWriter) WriteHeader(status int) {
	n, err := strconv.ParseInt(w.Header().Get("Content-Length"), 10, 64)
	if err == nil {
		w.left = max(0, n-w.less)
		w.Header().Set("Content-Length", strconv.FormatInt(w.left, 10))
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *shortWriter) Write(p []byte) (int, error) {
	n := min(int64(len(p)), w.left)
	w.left -= n
	if _, err := w.ResponseWriter.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}
