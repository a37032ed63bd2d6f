package libvirt

import (
	"fmt"

	"vbfs/hyper/libvirt"
	"vbfs/ingest"
)

// promise says no before anything is done when the consistency that is required cannot be reached.
func (h *hold) promise() error {
	switch {
	case h.m.o.Consistency == "":
		return nil
	case h.m.o.Pause:
		return fmt.Errorf("%w: pausing the guest is no more than %s, and %s is required", ErrConsistency, ingest.Crash, h.m.o.Consistency)
	case h.state != libvirt.Running:
		return fmt.Errorf("%w: the domain is %s, so that nobody in it can be asked, and %s is required", ErrConsistency, h.state, h.m.o.Consistency)
	case !h.agent:
		return fmt.Errorf("%w: no guest agent is connected (install qemu-guest-agent in the guest, and give the domain its channel), and %s is required",
			ErrConsistency, h.m.o.Consistency)
	}
	return nil
}

// reached compares what was reached with what is required.
func (h *hold) reached() error {
	want := h.m.o.Consistency
	if want == "" || h.consistency == want || h.consistency == ingest.Application {
		return nil
	}
	return fmt.Errorf("%w: %s is required, and %s was reached", ErrConsistency, want, h.consistency)
}
