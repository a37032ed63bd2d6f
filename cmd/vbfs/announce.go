package main

import (
	"context"
	"net"
	"net/url"
	"os"
	"strings"
)

// maxAnnounced bounds the exports that are told at the beginning.
const maxAnnounced = 8

// An announcement is an export that can be opened.
type announcement struct {
	Type string `json:"type"`
	Name string `json:"name"`
	URI  string `json:"uri"`
}

// announce tells where the disks of the newest points are, for each listener, ready to be copied.
func (s *serving) announce(ctx context.Context, c *catalog, listeners []net.Listener, secure bool) error {
	names, more, err := c.announced(ctx)
	if err != nil {
		return err
	}
	for _, l := range listeners {
		if s.app.Flags.JSON {
			err = s.app.Line(announcement{"listening", "", uri(l.Addr(), secure, "")})
		} else {
			s.app.Say("serving %s", uri(l.Addr(), secure, ""))
		}
		for _, name := range names {
			if err == nil {
				err = s.announceExport(name, uri(l.Addr(), secure, name))
			}
		}
		if err != nil {
			return err
		}
	}
	if more {
		s.app.Say("and more: nbdinfo --list tells all")
	}
	return nil
}

func (s *serving) announceExport(name, uri string) error {
	if s.app.Flags.JSON {
		return s.app.Line(announcement{"export", name, uri})
	}
	return s.app.Result("%s", uri)
}

// announced gives the first names, and tells whether there are more.
func (c *catalog) announced(ctx context.Context) (names []string, more bool, err error) {
	for name, err := range c.Names(ctx) {
		if err != nil {
			return nil, false, err
		}
		if len(names) == maxAnnounced {
			return names, true, nil
		}
		if strings.Contains(name, "@latest:") {
			names = append(names, name)
		}
	}
	return names, false, nil
}

// uri gives the NBD URI of an export.
func uri(a net.Addr, secure bool, name string) string {
	if a.Network() == "unix" {
		return "nbd+unix:///" + url.PathEscape(name) + "?socket=" + queryPath(a.String())
	}
	scheme := "nbd://"
	if secure {
		scheme = "nbds://"
	}
	return scheme + reachable(a) + "/" + url.PathEscape(name)
}

// queryPath escapes a path for an URI's query, in which clients read %20 and not + as a space.
func queryPath(p string) string {
	return strings.NewReplacer("%2F", "/", "&", "%26", "+", "%2B").Replace(url.PathEscape(p))
}

// reachable gives host and port: of an address that means all of the host's, the host's name.
func reachable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			host = name
		}
	}
	return net.JoinHostPort(host, port)
}
