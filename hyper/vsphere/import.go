package vsphere

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// Import makes a machine whose disks are uploaded: it is there when the lease is ready, and goes with it if the lease is not closed well.
// It waits for that also when ctx ends meanwhile: else nobody would know of the lease.
func (c *Conn) Import(ctx context.Context, at Home, spec types.VirtualMachineConfigSpec) (*Lease, error) {
	req := types.ImportVApp{This: at.Pool, Spec: &types.VirtualMachineImportSpec{ConfigSpec: spec}, Host: at.Host}
	if at.Pool.Type != "VirtualApp" { // whose machines are in no folder
		req.Folder = &at.Folder
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	ctx = context.WithoutCancel(ctx)
	r, err := methods.ImportVApp(ctx, c.vim, &req)
	if err != nil {
		return nil, fmt.Errorf("import machine %s: %w", spec.Name, translate(err))
	}
	l, err := c.hold(ctx, r.Returnval)
	if err != nil {
		return nil, fmt.Errorf("import machine %s: %w", spec.Name, err)
	}
	l.imports = true
	return l, nil
}

// Machine is what the lease is of.
func (l *Lease) Machine() Ref { return l.entity }

// quietTime bounds how long a host may take nothing of an upload, or after its end not answer: it writes thick disks out meanwhile.
const quietTime = 15 * time.Minute

// streamType is what a host expects a disk to be: VMware, vSphere Web Services SDK Programming Guide, "Importing an OVF template", whose
// example sends it in chunks, with no length told before.
const streamType = "application/x-vnd.vmware-streamVmdk"

// Upload sends the only disk of an import, a streamOptimized VMDK, once. It closes what it reads from.
func (l *Lease) Upload(ctx context.Context, r io.ReadCloser) error {
	defer r.Close()
	u, err := l.only()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-l.dead:
			cancel(l.lost)
		case <-ctx.Done():
		}
	}()
	quiet := time.AfterFunc(quietTime, func() { cancel(fmt.Errorf("%w: nothing was taken for %v", ErrTimeout, quietTime)) })
	defer quiet.Stop()
	body := &upload{ReadCloser: r, sum: sha1.New(), read: func() { quiet.Reset(quietTime) }}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", streamType)
	res, err := l.c.session.soap.Client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("%w: upload to %s: %w", ErrLease, u.Host, unreachable(err))
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusCreated {
		return fmt.Errorf("%w: upload to %s: %w", ErrLease, u.Host, &statusError{res.StatusCode, res.Status})
	}
	if !body.ended {
		return fmt.Errorf("%w: upload to %s: it was answered before its end", ErrLease, u.Host)
	}
	return l.check(ctx, body)
}

// An upload is counted, and summed up, on its way.
type upload struct {
	io.ReadCloser
	sum   hash.Hash
	size  int64
	ended bool
	read  func()
}

func (u *upload) Read(p []byte) (int, error) {
	u.read()
	n, err := u.ReadCloser.Read(p)
	u.sum.Write(p[:n])
	u.size += int64(n)
	u.ended = u.ended || errors.Is(err, io.EOF)
	return n, err
}

// only is where the only disk goes.
func (l *Lease) only() (*url.URL, error) {
	var found *types.HttpNfcLeaseDeviceUrl
	for i, u := range l.urls {
		if on(u.Disk) && found != nil {
			return nil, fmt.Errorf("%w: it has several disks", ErrLease)
		}
		if on(u.Disk) {
			found = &l.urls[i]
		}
	}
	if found == nil {
		return nil, fmt.Errorf("%w: it has no disk", ErrLease)
	}
	return l.parse(found)
}

// check compares what was sent with what the host says it got, if it says so.
func (l *Lease) check(ctx context.Context, sent *upload) error {
	r, err := methods.HttpNfcLeaseGetManifest(ctx, l.c.vim, &types.HttpNfcLeaseGetManifest{This: l.ref})
	if err != nil {
		return fmt.Errorf("%w: ask what was received: %w", ErrLease, translate(err))
	}
	want := hex.EncodeToString(sent.sum.Sum(nil))
	for _, e := range r.Returnval {
		if e.Size == sent.size && e.Sha1 != "" && e.Sha1 != want {
			return fmt.Errorf("%w: the host received something else than was sent, by its SHA-1 sum", ErrLease)
		}
	}
	return nil
}
