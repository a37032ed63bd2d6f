package virtnbd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// A trailer is the list of compressed sizes at the end of a compressed stream, in JSON, an entry for each data frame:
//
//	[5120, {"9437184": [5242880, 4194304]}, 300]
//
// a number for a frame that was compressed in one piece, else the sum of its pieces and their list. It may be as long as a
// file, so it is read entry by entry, beside the frames.
type trailer struct {
	r     *bufio.Reader
	begun bool
}

func newTrailer(r io.Reader) *trailer { return &trailer{r: bufio.NewReader(r)} }

// next calls piece with the size of each piece of the next data frame.
func (t *trailer) next(piece func(stored int64) error) error {
	before := byte(',')
	if !t.begun {
		before, t.begun = '[', true
	}
	if err := t.expect(before); err != nil {
		return err
	}
	c, err := t.peek()
	if err != nil {
		return err
	}
	if c != '{' {
		n, err := t.number()
		if err != nil {
			return err
		}
		return piece(n)
	}
	return t.pieces(piece)
}

func (t *trailer) pieces(piece func(stored int64) error) error {
	if err := t.expect('{', '"'); err != nil {
		return err
	}
	total, err := t.number()
	if err != nil {
		return err
	}
	if err := t.expect('"', ':', '['); err != nil {
		return err
	}
	for {
		n, err := t.number()
		if err != nil {
			return err
		}
		if err := piece(n); err != nil {
			return err
		}
		total -= n
		c, err := t.peek()
		if err != nil {
			return err
		}
		if c != ',' {
			break
		}
		t.r.ReadByte()
	}
	if total != 0 {
		return fmt.Errorf("%w: the sizes of compressed pieces do not add up", ErrDamaged)
	}
	return t.expect(']', '}')
}

// end sees that no entry is left.
func (t *trailer) end() error {
	if !t.begun {
		if err := t.expect('['); err != nil {
			return err
		}
	}
	if err := t.expect(']'); err != nil {
		return err
	}
	if _, err := t.peek(); !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: more behind the list of compressed sizes", ErrDamaged)
	}
	return nil
}

// peek gives the next byte that is no space, and leaves it there.
func (t *trailer) peek() (byte, error) {
	for {
		c, err := t.r.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return 0, fmt.Errorf("%w: the list of compressed sizes: %w", ErrDamaged, io.ErrUnexpectedEOF)
		case err != nil:
			return 0, err
		case c != ' ' && c != '\n' && c != '\r' && c != '\t':
			return c, t.r.UnreadByte()
		}
	}
}

func (t *trailer) expect(marks ...byte) error {
	for _, want := range marks {
		c, err := t.peek()
		if err != nil {
			return err
		}
		if c != want {
			return fmt.Errorf("%w: the list of compressed sizes has %q in the place of %q", ErrDamaged, c, want)
		}
		t.r.ReadByte()
	}
	return nil
}

// number reads a size: digits, of which an int64 has no more than 19.
func (t *trailer) number() (int64, error) {
	var digits []byte
	c, err := t.peek()
	for ; err == nil && c >= '0' && c <= '9' && len(digits) < 20; c, err = t.peek() {
		digits = append(digits, c)
		t.r.ReadByte()
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%w: the list of compressed sizes has %q in the place of a size", ErrDamaged, digits)
	}
	return n, nil
}
