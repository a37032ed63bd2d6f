package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"vbfs/cmd/internal/cli"
	hyper "vbfs/hyper/vsphere"
)

// A vsphereServer is a vCenter or an ESXi that flags name.
type vsphereServer struct {
	host, user, thumbprint string
	cacert                 string // file
	insecure               bool

	conn     *hyper.Conn // made when it is needed first
	machines []hyper.Entry
}

func (v *vsphereServer) flags(f *pflag.FlagSet) {
	f.StringVar(&v.host, "server", "", "the vCenter or ESXi of vsphere: at this `HOST` (default $VBACKUP_SERVER)")
	f.StringVar(&v.user, "user", "", "log in there as `NAME` (default $VBACKUP_SERVER_USER); the password comes from $VBACKUP_SERVER_PASSWORD_FILE, _COMMAND or $VBACKUP_SERVER_PASSWORD")
	f.StringVar(&v.thumbprint, "thumbprint", "", "believe the server with this `SHA-1` or SHA-256 thumbprint of its certificate alone, as AA:BB:…")
	f.StringVar(&v.cacert, "cacert", "", "believe the server whose certificate an authority in this PEM `FILE` has signed, in place of the system's")
	f.BoolVar(&v.insecure, "insecure", false, "believe whoever answers as the server")
}

// said tells whether flags name a server.
func (v *vsphereServer) said() bool {
	return v.host != "" || v.user != "" || v.thumbprint != "" || v.cacert != "" || v.insecure
}

func (v *vsphereServer) check() error {
	v.host, v.user = cmp.Or(v.host, os.Getenv("VBACKUP_SERVER")), cmp.Or(v.user, os.Getenv("VBACKUP_SERVER_USER"))
	switch {
	case v.host == "":
		return cli.Usage("vsphere: needs a vCenter or an ESXi: name it with --server or VBACKUP_SERVER")
	case v.user == "":
		return cli.Usage("vsphere: needs an account on %s: name it with --user or VBACKUP_SERVER_USER", v.host)
	case v.cacert != "" && v.thumbprint != "":
		return cli.Usage("--cacert goes without --thumbprint, which is enough to know the server by")
	case v.insecure && (v.cacert != "" || v.thumbprint != ""):
		return cli.Usage("--insecure believes anybody: it goes without --cacert and --thumbprint")
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
	roots, err := authorities(v.cacert)
	if err != nil {
		return nil, err
	}
	password, err := app.ServerPassword(ctx, v.user, v.host)
	if err != nil {
		return nil, err
	}
	v.conn, err = hyper.Login(ctx, hyper.Server{
		Host: v.host, User: v.user, Password: string(password), Thumbprint: v.thumbprint, Roots: roots, Insecure: v.insecure,
	})
	return v.conn, err
}

// authorities reads certificates of those who are believed: nil is the system's.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	b, err := readSmall(file)
	if err != nil {
		return nil, cli.Usage("--cacert: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, cli.Usage("--cacert: %s holds no certificate in PEM form, which begins with -----BEGIN CERTIFICATE-----", file)
	}
	return pool, nil
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
	if tag, ok := strings.CutPrefix(pattern, "tag:"); ok {
		return conn.Tagged(ctx, v.machines, tag)
	}
	return hyper.Find(v.machines, pattern)
}

// close logs out. That it cannot is no matter: sessions expire.
func (v *vsphereServer) close() {
	if v.conn != nil {
		v.conn.Close()
	}
}
