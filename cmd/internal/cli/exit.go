package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"syscall"

	"vbfs/index"
)

// Exit codes: those of restic, which scripts know, and Damaged.
const (
	Done        = 0
	Failed      = 1   // nothing new was made
	BadUsage    = 2   //
	Partly      = 3   // some machines or disks failed
	Damaged     = 4   // the repository is
	NotFound    = 10  // no such repository, machine or point
	Locked      = 11  //
	NoPassword  = 12  // a wrong one, or none
	Interrupted = 130 // by SIGINT or SIGTERM, cleaned up
)

const passwordSources = "VBACKUP_PASSWORD_FILE, VBACKUP_PASSWORD_COMMAND, VBACKUP_PASSWORD or --password-file"

const identitySources = "VBACKUP_IDENTITY_FILE or --identity"

// A verdict is what an error means to the caller of the program.
type verdict struct {
	err  error
	code int
	hint string // the way out
}

// ErrAnomaly marks a point that was made, but is out of its machine's ordinary.
var ErrAnomaly = errors.New("out of the ordinary")

// verdicts are tried in this order.
var verdicts = []verdict{
	{errNoPassword, NoPassword, "give it by " + passwordSources},
	{errNoIdentity, NoPassword, "give it by " + identitySources},
	{index.ErrNoRepository, NotFound, "name an existing one with -r or VBACKUP_REPO, or make it with: vbackup init"},
	{index.ErrExists, Failed, "take another directory"},
	{index.ErrNotEncrypted, NoPassword, "if it really was made with --no-encryption, unset the variables of passwords and identities"},
	{index.ErrPassword, NoPassword, "check what it comes from: " + passwordSources},
	{index.ErrIdentity, NoPassword, "who can open it is told by: vbackup key list; identities come from " + identitySources},
	{index.ErrOtherMachine, Failed, "copy it to another repository"},
	{index.ErrLocked, Locked, "try again later, or wait with --wait-lock"},
	{index.ErrCollecting, Locked, "try again when it has ended"},
	{index.ErrNewer, Failed, "use a newer release of this program"},
	{index.ErrCollected, Failed, "back the machine up again: nothing is damaged"},
	{index.ErrCorrupt, Damaged, "find out what is hit with: vbackup verify --read-data"},
	{index.ErrNoPoint, NotFound, "list what there is with: vbackup points"},
	{ErrAnomaly, Partly, "the point is kept; see that nobody has encrypted the files before older points expire"},
	{index.ErrProtected, Failed, "if it may go, take the protection off first, with: vbackup protect --off"},
	{index.ErrLastSlot, Failed, "add another one first, with: vbackup key add"},
	{index.ErrKeysChanged, Failed, "nothing was changed now: look with vbackup key list, and try again"},
	{index.ErrAppendOnly, Failed, "run forget and prune where it may delete"},
	{syscall.ENOSPC, Failed, "make room there, and try again: nothing is lost"},
	{syscall.EDQUOT, Failed, "make room there, and try again: nothing is lost"},
}

// A toldError was told already, and only has an exit code left.
type toldError int

func (t toldError) Error() string { return fmt.Sprintf("exit code %d", int(t)) }

// Told is the error of a command that has told what failed, by Tell, and ends with that exit code.
func Told(code int) error { return toldError(code) }

// classify gives the exit code of an error and its hint.
func classify(ctx context.Context, err error) (code int, hint string) {
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return Interrupted, ""
	}
	var t toldError
	if errors.As(err, &t) {
		return int(t), ""
	}
	var h *hinted
	if errors.As(err, &h) {
		hint = h.hint
		if h.code != 0 {
			return h.code, hint
		}
	}
	var u *usageError
	if errors.As(err, &u) {
		return BadUsage, cmp.Or(hint, u.hint)
	}
	for _, v := range verdicts {
		if errors.Is(err, v.err) {
			return v.code, cmp.Or(hint, v.hint)
		}
	}
	return Failed, hint
}
