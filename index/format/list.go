package format

import "slices"

// An item is what a list field holds: of one length, stored one after the other. Where a repeated field would cost 6 bytes
// and a bound on their number, lists have millions.
type item interface {
	AppendTo(b []byte) []byte
}

type listAt[T item, P interface {
	*T
	parse(b []byte) error
}] struct{ p *[]T }

func listField[T item, P interface {
	*T
	parse(b []byte) error
}](tag uint16, p *[]T) field {
	return field{tag, listAt[T, P]{p}}
}

func (v listAt[T, P]) append(b []byte, tag uint16) []byte {
	if len(*v.p) == 0 {
		return b
	}
	var zero T
	n := len(*v.p) * len(zero.AppendTo(nil))
	b = appendHead(slices.Grow(b, fieldHeader+n), tag, n)
	for _, t := range *v.p {
		b = t.AppendTo(b)
	}
	return b
}

func (v listAt[T, P]) set(b []byte) error {
	var zero T
	n := len(zero.AppendTo(nil))
	if len(b) == 0 || len(b)%n != 0 {
		return malformed("list of %d bytes in pieces of %d", len(b), n)
	}
	out := make([]T, len(b)/n)
	for i := range out {
		if err := P(&out[i]).parse(b[i*n:][:n]); err != nil {
			return err
		}
	}
	*v.p = out
	return nil
}
