package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/nbdsrv"
)

const defaultAddress = "127.0.0.1:10809" // the port is registered for NBD

// A serving is the command and its flags.
type serving struct {
	app             *cli.App
	cache           *cli.SizeFlag
	socket, address string
	cert, key, ca   string
	insecure        bool
}

func serveCommand(app *cli.App) *cobra.Command {
	s := &serving{app: app}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve every disk of every point over NBD, read-only",
		Long: `Serve every disk of every point over NBD, read-only, until SIGINT or SIGTERM. Exports are called MACHINE@TIME:DISK, as
web01@2026-11-20T20-03-27Z:vda, or by any other way to name a point, as web01@latest:vda. Sockets that systemd passes are
served too.`,
		Example: `vbfs serve -r /srv/backup
vbfs serve -r /srv/backup --socket /run/vbfs.sock
vbfs serve -r /srv/backup --listen 10.0.0.5:10809 --tls-cert s.pem --tls-key s.key --tls-ca clients.pem`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd.Context()) },
	}
	s.cache = cacheFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&s.socket, "socket", "", "listen on a Unix socket at `PATH`")
	f.StringVar(&s.address, "listen", "", "listen on a TCP `ADDRESS` (default "+defaultAddress+" without --socket)")
	f.StringVar(&s.cert, "tls-cert", "", "the server's certificate, a PEM `FILE`; then TCP is served with TLS alone")
	f.StringVar(&s.key, "tls-key", "", "its key, a PEM `FILE`")
	f.StringVar(&s.ca, "tls-ca", "", "serve those clients alone whose certificates one in this PEM `FILE` has signed")
	f.BoolVar(&s.insecure, "insecure", false, "serve networks without TLS")
	return cmd
}

func (s *serving) run(ctx context.Context) error {
	secure, err := s.tls()
	if err != nil {
		return err
	}
	cli.LimitMemory(int64(*s.cache) + heapBeside)
	return s.app.WithRepository(ctx, int64(*s.cache), func(repo *index.Repository) error {
		listeners, err := s.listen(ctx)
		if err != nil {
			return err
		}
		return s.serve(ctx, &catalog{repo: repo}, listeners, secure)
	})
}

// tls gives the configuration that the flags make; nil without them.
func (s *serving) tls() (*tls.Config, error) {
	if s.cert == "" && s.key == "" && s.ca == "" {
		return nil, nil
	}
	if s.cert == "" || s.key == "" {
		return nil, cli.Usage("TLS needs both --tls-cert and --tls-key")
	}
	pair, err := tls.LoadX509KeyPair(s.cert, s.key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w", s.cert, err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if s.ca == "" {
		return c, nil
	}
	pem, err := os.ReadFile(s.ca)
	if err != nil {
		return nil, err
	}
	c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	if !c.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", s.ca)
	}
	return c, nil
}

// serve serves until ctx ends, which is no error, or a listener fails. TLS is for TCP: a Unix socket has an owner.
func (s *serving) serve(ctx context.Context, c *catalog, listeners []net.Listener, secure *tls.Config) error {
	warn := func(err error) { s.app.Warn("%v", err) }
	local := nbdsrv.New(c, nbdsrv.Options{OnError: warn})
	remote := nbdsrv.New(c, nbdsrv.Options{OnError: warn, TLS: secure, RequireTLS: secure != nil})
	g, ctx := errgroup.WithContext(ctx)
	for _, l := range listeners {
		server := remote
		if l.Addr().Network() == "unix" {
			server = local
		}
		g.Go(func() error { return server.Serve(ctx, l) })
	}
	g.Go(func() error { return s.announce(ctx, c, listeners, secure != nil) })
	return g.Wait()
}
