package fs

// Options says how a repository is mounted. The zero value is the default.
type Options struct {
	AllowOther bool // let users other than the one who mounts in; every file is readable by all then
	Debug      bool // tell every request on the process's standard logger

	// OnError is told of every error that a user of the mount sees as EIO, which does not say why. It is called by several
	// goroutines at once.
	OnError func(error)
}

func (o Options) withDefaults() Options {
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	return o
}
