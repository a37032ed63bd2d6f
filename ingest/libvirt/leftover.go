package libvirt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vbfs/hyper/libvirt"
)

// What a memory says is left to undo.
const (
	leftPaused = "paused"
	leftFrozen = "frozen, run " // of the domain, whose number follows: one that was started again is not frozen
)

// wakeTime is how long an agent is asked to thaw what an earlier run may have frozen: it may be dead, and the guest not frozen.
const wakeTime = 30 * time.Second

func frozenBy(dom *libvirt.Domain) string { return leftFrozen + fmt.Sprint(dom.Run()) }

// clear undoes what a run that was killed has left behind: first what the guest suffers from. That such a run is dead we know
// because we have the domain's memory, and the repository's session for the machine.
func (h *hold) clear(ctx context.Context) error {
	if err := h.wake(ctx); err != nil {
		return err
	}
	if err := h.clearJob(ctx); err != nil {
		return err
	}
	return h.clearFiles()
}

// wake thaws or resumes a guest that was left frozen or paused.
func (h *hold) wake(ctx context.Context) error {
	what, err := h.memory.read()
	if err != nil || what == "" {
		return err
	}
	switch {
	case what == leftPaused && h.state == libvirt.Paused:
		if err := h.dom.Resume(ctx); err != nil {
			return err
		}
		h.state = libvirt.Running
		h.warn("an earlier run had left the domain paused: it was resumed")
	case what == frozenBy(h.dom):
		short, cancel := context.WithTimeout(ctx, wakeTime)
		defer cancel()
		if _, err := h.dom.Thaw(short); err != nil { // it stays remembered
			h.warn("an earlier run may have left the guest frozen: %v", err)
			return nil
		}
		h.warn("an earlier run had left the guest frozen: it was thawed")
	}
	return h.memory.write("")
}

// clearJob ends a job of ours. Another's is in the way.
func (h *hold) clearJob(ctx context.Context) error {
	var job *libvirt.Job
	ended, err := h.dom.End(ctx, func(j *libvirt.Job) bool { job = j; return h.mine(j) })
	switch {
	case err != nil:
		return err
	case ended:
		h.warn("an earlier run had left its backup job running: it was ended")
	case job != nil:
		return fmt.Errorf("%w: %s runs: wait for it, or end it with `virsh domjobabort %s`", ErrBusy, job.What, h.dom.Name())
	}
	return nil
}

// mine tells whether a job is of a run for this domain and repository.
func (h *hold) mine(j *libvirt.Job) bool {
	prefix := ours(h.w.Repository, h.dom.UUID())
	if belongs(j.Socket, prefix) {
		return true
	}
	for _, path := range j.Scratch {
		if belongs(path, prefix) {
			return true
		}
	}
	return false
}

// clearFiles removes the directories of earlier runs.
func (h *hold) clearFiles() error {
	if h.m.conn.Remote() {
		return nil
	}
	dir, prefix := cmp.Or(h.m.o.Scratch, defaultScratch), ours(h.w.Repository, h.dom.UUID())
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("scratch directory: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), prefix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
