package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"

	"vbfs/testdata/vsim"
)

// A vcenter is a double of VMware's in this process, and one machine of it. Both sides read from it, on the processors on which it
// runs as well.
type vcenter struct {
	l   *lab
	h   *vsim.Host
	m   *vsim.Machine
	end cleanups
}

// A disk of VMware's that is measured: bytes that no codec makes less of, and more of them than vsim copies at each snapshot.
const (
	vmwareSize = 2 << 30
	vmwareDisk = "scsi0-0"
)

// vcenter starts one whose machine has a disk of so many bytes.
func (l *lab) vcenter(size int64) (v *vcenter, err error) {
	v = &vcenter{l: l}
	err = caught(func() {
		v.h = vsim.Start(&v.end, vsim.Options{})
		v.m = v.h.Add(vsim.Spec{Name: machine, CBT: true, Disks: []vsim.Disk{{Size: size}}})
		v.write(0, size)
	})
	if err != nil {
		return nil, errors.Join(err, v.close())
	}
	return v, nil
}

func (v *vcenter) close() error {
	return caught(func() {
		for i := len(v.end) - 1; i >= 0; i-- {
			v.end[i]()
		}
	})
}

// write is the guest's: noise, never the same again.
func (v *vcenter) write(off, n int64) {
	p := make([]byte, min(n, 1<<20))
	for end := off + n; off < end; off += int64(len(p)) {
		p = p[:min(int64(len(p)), end-off)]
		var seed [32]byte
		for i := range seed {
			seed[i] = byte(rand.Uint32())
		}
		rand.NewChaCha8(seed).Read(p)
		v.m.Write(vmwareDisk, off, p)
	}
}

// vmwareSize is a measured disk's.
func (l *lab) vmwareSize() int64 {
	if l.o.quick {
		return vmwareSize / 4
	}
	return vmwareSize
}

// ours is our program, told how to log in.
func (v *vcenter) ours(ctx context.Context, repo string, args ...string) *exec.Cmd {
	cmd := v.l.ours(ctx, "vbackup", repo, append(args, "--server", v.h.URL().Host, "--user", v.h.User(), "--thumbprint", v.h.Thumbprint())...)
	cmd.Env = append(cmd.Env, "VBACKUP_SERVER_PASSWORD="+v.h.Password())
	return cmd
}

// backup captures the machine by ranges of its file, and gives the wall time and the most memory held, in bytes.
func (v *vcenter) backup(ctx context.Context, repo string) (took float64, held int64, err error) {
	if err := forgetPeak(); err != nil {
		return 0, 0, err
	}
	cmd := v.ours(ctx, repo, "backup", "vsphere:"+machine, "--transport", "https")
	took, err = timed(cmd)
	if err != nil {
		return 0, 0, err
	}
	return took, resident(cmd.ProcessState), nil
}

// full captures into a repository of its own.
func (v *vcenter) full(ctx context.Context) (took float64, held int64, err error) {
	repo, err := v.l.initRepo(ctx, "none")
	defer os.RemoveAll(repo)
	if err != nil {
		return 0, 0, err
	}
	return v.backup(ctx, repo)
}
