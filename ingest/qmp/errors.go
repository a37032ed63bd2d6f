package qmp

import "errors"

// Errors of this package, for errors.Is.
var (
	// ErrTooOld: this QEMU does not have what is needed.
	ErrTooOld = errors.New("QEMU 7.0 or newer is needed")

	// ErrUnderWay: another run holds the machine.
	ErrUnderWay = errors.New("another backup of this QEMU is under way")

	// ErrServer: the NBD server of this QEMU serves somebody else.
	ErrServer = errors.New("its NBD server, of which QEMU has one only, runs for somebody else: end it with nbd-server-stop, " +
		"or capture what it exports by its NBD URI")

	// ErrScratch: there is no room for what the guest overwrites meanwhile.
	ErrScratch = errors.New("too little room for what the guest overwrites meanwhile: choose another directory for scratch files")

	// ErrMigrating: the machine's images belong to another QEMU, now or soon.
	ErrMigrating = errors.New("the machine is being moved or loaded: try again when it runs")
)

// errNotOurs is a note that somebody else wrote.
var errNotOurs = errors.New("not ours")
