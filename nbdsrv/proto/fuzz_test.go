package proto

import (
	"bytes"
	"testing"
)

// codecs decode and encode again: what they give must be what they were given.
var codecs = []struct {
	name  string
	again func([]byte) ([]byte, error)
}{
	{"greeting", again(DecodeGreeting)},
	{"option", again(DecodeOption)},
	{"option reply", again(DecodeOptionReply)},
	{"export request", again(DecodeExportRequest)},
	{"meta request", again(DecodeMetaRequest)},
	{"info export", again(DecodeInfoExport)},
	{"info block size", again(DecodeInfoBlockSize)},
	{"info text", again(DecodeInfoText)},
	{"listing", again(DecodeListing)},
	{"meta context", again(DecodeMetaContext)},
	{"request", again(DecodeRequest)},
	{"simple reply", again(DecodeSimpleReply)},
	{"chunk", again(DecodeChunk)},
	{"hole", again(DecodeHole)},
	{"status", again(DecodeStatus)},
	{"failure", again(func(b []byte) (Failure, error) { return DecodeFailure(ChunkError, b) })},
	{"failure at", again(func(b []byte) (Failure, error) { return DecodeFailure(ChunkErrorOffset, b) })},
	{"client flags", func(b []byte) ([]byte, error) {
		flags, err := DecodeClientFlags(b)
		return AppendClientFlags(nil, flags), err
	}},
}

func again[T interface{ Append([]byte) []byte }](decode func([]byte) (T, error)) func([]byte) ([]byte, error) {
	return func(b []byte) ([]byte, error) {
		v, err := decode(b)
		if err != nil {
			return nil, err
		}
		return v.Append(nil), nil
	}
}

// FuzzDecode feeds every decoder with everything: none panics, and what one takes it gives back.
func FuzzDecode(f *testing.F) {
	for _, s := range samples() {
		f.Add(s.encoded)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, c := range codecs {
			if got, err := c.again(b); err == nil && !bytes.Equal(got, b) {
				t.Errorf("%s: %x became %x", c.name, b, got)
			}
		}
	})
}
