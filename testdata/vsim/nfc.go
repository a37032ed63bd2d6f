package vsim

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// nfc serves /nfc/LEASE/FILE. Whoever knows the lease needs no session.
func (h *Host) nfc(w http.ResponseWriter, r *http.Request) {
	id, name := path.Split(strings.TrimPrefix(r.URL.Path, "/nfc/"))
	h.mu.Lock()
	l := h.leases[strings.TrimSuffix(id, "/")]
	h.mu.Unlock()
	if l == nil || l.isOver() || l.files[name] == nil {
		http.NotFound(w, r)
		return
	}
	f := l.files[name]
	switch {
	case r.Method == http.MethodGet && f.path != "":
		l.send(w, f)
	case (r.Method == http.MethodPut || r.Method == http.MethodPost) && f.path == "":
		l.receive(w, r, f)
	default:
		http.Error(w, "", http.StatusMethodNotAllowed)
	}
}

// send streams a file as a whole, in chunks: there are no ranges, and no length is told. It is cut when the lease ends.
func (l *lease) send(w http.ResponseWriter, f *leaseFile) {
	file, err := os.Open(f.path)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer file.Close()
	w.Header().Set("Content-Type", "application/x-vnd.vmware-streamVmdk")
	w.WriteHeader(http.StatusOK)
	sum := sha1.New()
	for chunk := make([]byte, 1<<20); ; {
		n, err := file.Read(chunk)
		if l.isOver() {
			panic(http.ErrAbortHandler)
		}
		sum.Write(chunk[:n])
		l.h.count(func(c *Counts) { c.NFC += int64(n) })
		if _, werr := w.Write(chunk[:n]); werr != nil || err == io.EOF {
			break
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	l.done(f, sum.Sum(nil))
}

func (l *lease) done(f *leaseFile, sum []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f.sha1 = sum
}

// receive stores what is uploaded into the disk's flat.
func (l *lease) receive(w http.ResponseWriter, r *http.Request, f *leaseFile) {
	upload := filepath.Join(l.h.dir, "upload-"+newUUID())
	defer os.Remove(upload)
	file, err := os.Create(upload)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	sum := sha1.New()
	f.size, err = io.Copy(io.MultiWriter(file, sum), r.Body)
	file.Close()
	if err != nil || l.isOver() {
		panic(http.ErrAbortHandler)
	}
	if err = f.fill(upload); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	l.done(f, sum.Sum(nil))
	w.WriteHeader(http.StatusCreated)
}

// fill unpacks a streamOptimized image, and nothing else, into a disk.
func (f *leaseFile) fill(image string) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	d := f.m.disks[f.key]
	if d == nil {
		return fmt.Errorf("disk %d is gone", f.key)
	}
	kind, size, err := imageInfo(image)
	if err != nil {
		return err
	}
	if kind != "streamOptimized" || size > d.size {
		return fmt.Errorf("a %q image of %d bytes cannot be imported into a disk of %d", kind, size, d.size)
	}
	return qemuImg("convert", "-n", "--target-is-zero", "-f", "vmdk", "-O", "raw", image, d.flat().path)
}

// imageInfo is a VMDK's subformat and capacity.
func imageInfo(image string) (kind string, size int64, err error) {
	out, err := exec.Command("qemu-img", "info", "-f", "vmdk", "--output=json", image).Output()
	if err != nil {
		return "", 0, fmt.Errorf("not a VMDK: %w", err)
	}
	var info struct {
		Size     int64 `json:"virtual-size"`
		Specific struct {
			Data struct {
				Type string `json:"create-type"`
			} `json:"data"`
		} `json:"format-specific"`
	}
	err = json.Unmarshal(out, &info)
	return info.Specific.Data.Type, info.Size, err
}

func qemuImg(args ...string) error {
	if out, err := exec.Command("qemu-img", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("qemu-img %s: %w: %s", args[0], err, out)
	}
	return nil
}
