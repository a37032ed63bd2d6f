package libvirt

import (
	"context"
	"errors"
	"fmt"

	rpc "github.com/digitalocean/go-libvirt"
)

// A Metadata is an element that an application keeps with a domain: libvirt, docs/formatdomain, "General metadata", and what
// virDomainSetMetadata says. A domain has one for each namespace.
type Metadata struct {
	URI string // of the namespace
	Key string // the prefix that libvirt gives to it
	XML string // of the element, without the prefix
}

// maxMetadata bounds what is taken of an element, in bytes.
const maxMetadata = 64 << 10

// Metadata gives the element of a namespace, with its prefix, "" for none: what will be there when the domain starts next or, of a domain
// that has nothing there, what is there now.
func (d *Domain) Metadata(ctx context.Context, uri string) (string, error) {
	for _, of := range []rpc.DomainModificationImpact{rpc.DomainAffectConfig, rpc.DomainAffectCurrent} {
		text, err := d.metadata(ctx, uri, of)
		if err != nil || text != "" {
			return text, d.wrap("metadata of", err)
		}
	}
	return "", nil
}

func (d *Domain) metadata(ctx context.Context, uri string, of rpc.DomainModificationImpact) (string, error) {
	text, err := ask(ctx, d.conn, func(l *rpc.Libvirt) (string, error) {
		return l.DomainGetMetadata(d.raw, int32(rpc.DomainMetadataElement), rpc.OptString{uri}, of)
	})
	switch {
	case errors.Is(err, errNoMetadata), of == rpc.DomainAffectConfig && errors.Is(err, ErrInvalid): // a transient domain
		return "", nil
	case err == nil && len(text) > maxMetadata:
		return "", fmt.Errorf("%w: %d bytes of %s", ErrTooLong, len(text), uri)
	}
	return text, err
}

// SetMetadata puts an element in the place of the one of its namespace: for the domain's next start, and for a domain that runs at once.
func (d *Domain) SetMetadata(ctx context.Context, m Metadata) error {
	set := func(in rpc.DomainModificationImpact) error {
		return say(ctx, d.conn, func(l *rpc.Libvirt) error {
			return l.DomainSetMetadata(d.raw, int32(rpc.DomainMetadataElement), rpc.OptString{m.XML}, rpc.OptString{m.Key}, rpc.OptString{m.URI}, in)
		})
	}
	state, err := d.State(ctx)
	if err != nil {
		return err
	}
	if state == ShutOff {
		return d.wrap("set metadata of", set(rpc.DomainAffectConfig))
	}
	err = set(rpc.DomainAffectConfig | rpc.DomainAffectLive)
	if errors.Is(err, ErrInvalid) {
		err = set(rpc.DomainAffectLive)
	}
	return d.wrap("set metadata of", err)
}
