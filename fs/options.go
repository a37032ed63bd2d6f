package fs

// Options says how a repository is mounted. The zero value is the default.
type Options struct {
	AllowOther bool // let users other than the one who mounts in; every file is readable by all then
	ReadAhead  int  // bytes that the kernel reads ahead of sequential readers; 0 is 1 MiB; needs root, else 128 KiB
	Debug      bool // tell every request on the process's standard logger

	// OnError is told of every error that a user of the mount sees as EIO, which does not say why. It is called by several
	// goroutines at once.
	OnError func(error)
}

// defaultReadAhead: buffered sequential reads gain 15 % and more over the kernel's own 128 KiB, and 4 MiB gain no more.
const defaultReadAhead = 1 << 20

func (o Options) withDefaults() Options {
	if o.ReadAhead == 0 {
		o.ReadAhead = defaultReadAhead
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	return o
}
