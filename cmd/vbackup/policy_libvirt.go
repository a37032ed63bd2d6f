package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	hyper "vbfs/hyper/libvirt"
)

// Namespaces of what is kept with domains: what is asked for is the user's, what became of it is ours, so that nobody overwrites the
// other's. They are names, and nothing is fetched from there.
const (
	policySpace = "https://vbfs/policy/1"
	resultSpace = "https://vbfs/result/1"
)

// An element is one of metadata, of which only attributes count.
type element struct {
	Attributes []xml.Attr `xml:",any,attr"`
}

func parseElement(text string) (e element, err error) {
	if text == "" {
		return e, nil
	}
	if err := xml.Unmarshal([]byte(text), &e); err != nil {
		return e, fmt.Errorf("metadata: %w", err)
	}
	e.Attributes = slices.DeleteFunc(e.Attributes, func(a xml.Attr) bool { return a.Name.Space != "" || a.Name.Local == "xmlns" })
	return e, nil
}

func (e element) value(name string) string {
	for _, a := range e.Attributes {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// with is the element's XML, with an attribute set.
func (e element) with(name, value string) string {
	var b strings.Builder
	b.WriteString("<backup")
	rest := slices.DeleteFunc(slices.Clone(e.Attributes), func(a xml.Attr) bool { return a.Name.Local == name })
	for _, a := range append(rest, xml.Attr{Name: xml.Name{Local: name}, Value: value}) {
		b.WriteString(" " + a.Name.Local + `="`)
		xml.EscapeText(&b, []byte(a.Value)) // to memory
		b.WriteString(`"`)
	}
	b.WriteString("/>")
	return b.String()
}

// domainAsks reads what a domain's metadata asks for, and which domain that is.
func (b *backup) domainAsks(ctx context.Context, s *source) (string, error) {
	conn, err := b.whole.libvirt(ctx)
	if err != nil {
		return "", err
	}
	domain, err := conn.Domain(ctx, s.name)
	if err != nil {
		return "", err
	}
	s.name, s.uuid = domain.Name(), domain.UUID()
	text, err := domain.Metadata(ctx, policySpace)
	if err != nil {
		return "", err
	}
	e, err := parseElement(text)
	return e.value(b.whole.inventory.attribute), err
}

// writeToDomain keeps what became of a domain with it.
func (b *backup) writeToDomain(ctx context.Context, name, text string) error {
	conn, err := b.whole.libvirt(ctx)
	if err != nil {
		return err
	}
	domain, err := conn.Domain(ctx, name)
	if err != nil {
		return err
	}
	old, err := domain.Metadata(ctx, resultSpace)
	if err != nil {
		return err
	}
	e, _ := parseElement(old) // what is no element of ours is replaced
	return domain.SetMetadata(ctx, hyper.Metadata{URI: resultSpace, Key: "vbfs-result", XML: e.with(b.whole.inventory.result, text)})
}
