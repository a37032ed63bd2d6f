package machine

import "fmt"

// IDs say whether the machine is the recorded one come back, or another one.
type IDs int

// The machine's UUIDs and its network cards' addresses.
const (
	AutoIDs IDs = iota // kept when the machine comes back under its own name and no other has them; else new
	KeepIDs
	NewIDs
)

// Fresh decides whether the machine gets IDs of its own. taken: another one has the recorded UUID, which KeepIDs refuses with ErrExists.
func (i IDs) Fresh(name, recorded string, taken bool) (bool, error) {
	if i == KeepIDs && taken {
		return false, fmt.Errorf("%w: it has the UUID of the recorded %s", ErrExists, recorded)
	}
	return i == NewIDs || i == AutoIDs && (taken || name != recorded), nil
}
