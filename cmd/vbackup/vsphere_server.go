package main

import (
	"context"

	"github.com/spf13/pflag"

	"vbfs/cmd/internal/cli"
	hyper "vbfs/hyper/vsphere"
)

// A vsphereServer is a vCenter or an ESXi that flags name.
type vsphereServer struct {
	host, user, thumbprint string
	insecure               bool

	conn     *hyper.Conn // made when it is needed first
	machines []hyper.Entry
}

func (v *vsphereServer) flags(f *pflag.FlagSet) {
	f.StringVar(&v.host, "server", "", "the vCenter or ESXi of vsphere: at this `HOST`")
	f.StringVar(&v.user, "user", "", "log in there as `NAME`; the password comes from $VBACKUP_SERVER_PASSWORD_FILE, _COMMAND or $VBACKUP_SERVER_PASSWORD")
	f.StringVar(&v.thumbprint, "thumbprint", "", "believe the server with this `SHA-1` or SHA-256 thumbprint of its certificate alone, as AA:BB:…")
	f.BoolVar(&v.insecure, "insecure", false, "believe whoever answers as the server")
}

func (v *vsphereServer) check() error {
	switch {
	case v.host == "":
		return cli.Usage("vsphere: needs a vCenter or an ESXi: name it with --server")
	case v.user == "":
		return cli.Usage("vsphere: needs an account on %s: name it with --user", v.host)
	case v.thumbprint != "":
		if err := hyper.CheckThumbprint(v.thumbprint); err != nil {
			return cli.Usage("--thumbprint: %v", err)
		}
	}
	return nil
}

// login is the session of the run.
func (v *vsphereServer) login(ctx context.Context, app *cli.App) (*hyper.Conn, error) {
	if v.conn != nil {
		return v.conn, nil
	}
	if err := v.check(); err != nil {
		return nil, err
	}
	password, err := app.ServerPassword(ctx, v.user, v.host)
	if err != nil {
		return nil, err
	}
	v.conn, err = hyper.Login(ctx, hyper.Server{Host: v.host, User: v.user, Password: string(password), Thumbprint: v.thumbprint, Insecure: v.insecure})
	return v.conn, err
}

// find gives the machines that a pattern names, of an inventory that is read once.
func (v *vsphereServer) find(ctx context.Context, app *cli.App, pattern string) ([]hyper.Entry, error) {
	conn, err := v.login(ctx, app)
	if err != nil {
		return nil, err
	}
	if v.machines == nil {
		if v.machines, err = conn.Machines(ctx); err != nil {
			return nil, err
		}
	}
	return hyper.Find(v.machines, pattern)
}

// close logs out. That it cannot is no matter: sessions expire.
func (v *vsphereServer) close() {
	if v.conn != nil {
		v.conn.Close()
	}
}
