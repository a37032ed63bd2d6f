package proto

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

type sample struct {
	name    string
	value   any
	encoded []byte
	decode  func([]byte) (any, error)
}

// of is a sample of a value and the function that decodes it.
func of[T interface{ Append([]byte) []byte }](name string, v T, decode func([]byte) (T, error)) sample {
	return sample{name, v, v.Append(nil), func(b []byte) (any, error) { return decode(b) }}
}

func samples() []sample {
	at := uint64(1 << 40)
	return []sample{
		of("greeting", Greeting{3}, DecodeGreeting),
		of("option", Option{OptGo, 77}, DecodeOption),
		of("option reply", OptionReply{OptInfo, RepErrUnknown, 5}, DecodeOptionReply),
		of("export request", ExportRequest{"web01@latest:vda", []InfoType{3, 1}}, DecodeExportRequest),
		of("export request, empty", ExportRequest{}, DecodeExportRequest),
		of("longest name", ExportRequest{Name: strings.Repeat("n", MaxString)}, DecodeExportRequest),
		of("meta request", MetaRequest{"é", []string{"base:allocation", ""}}, DecodeMetaRequest),
		of("info export", InfoExport{1 << 44, 0x503}, DecodeInfoExport),
		of("info block size", InfoBlockSize{1, 4096, 32 << 20}, DecodeInfoBlockSize),
		of("info text", InfoText{InfoTypeName, "x"}, DecodeInfoText),
		of("listing", Listing{"a", "text"}, DecodeListing),
		of("meta context", MetaContext{9, "base:allocation"}, DecodeMetaContext),
		of("request", Request{4, CmdRead, math.MaxUint64, 1 << 63, math.MaxUint32}, DecodeRequest),
		of("simple reply", SimpleReply{EIO, 12}, DecodeSimpleReply),
		of("chunk", Chunk{1, ChunkOffsetHole, 13, 12}, DecodeChunk),
		of("hole", Hole{1 << 50, 99}, DecodeHole),
		of("status", Status{1, []Extent{{math.MaxUint32, 3}, {1, 0}}}, DecodeStatus),
		of("failure", Failure{Err: EPERM, Message: "no"}, func(b []byte) (Failure, error) { return DecodeFailure(ChunkError, b) }),
		of("failure at", Failure{EIO, "bad", &at}, func(b []byte) (Failure, error) { return DecodeFailure(ChunkErrorOffset, b) }),
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		got, err := s.decode(s.encoded)
		if err != nil || !reflect.DeepEqual(got, s.value) {
			t.Errorf("%s: %+v became %+v, %v", s.name, s.value, got, err)
		}
	}
}

// TestTruncated cuts every sample everywhere and makes it a byte longer: fixed messages refuse both, and texts that end
// with the message are the only ones that cannot notice.
func TestTruncated(t *testing.T) {
	t.Parallel()
	open := map[string]int{"info text": 2, "listing": 5, "meta context": 4, "status": 12}
	for _, s := range samples() {
		shortest, ok := open[s.name]
		if !ok {
			shortest = len(s.encoded)
		}
		for n := range shortest {
			if _, err := s.decode(s.encoded[:n]); !errors.Is(err, ErrMalformed) {
				t.Fatalf("%s cut to %d bytes: %v", s.name, n, err)
			}
		}
		if _, err := s.decode(append(bytes.Clone(s.encoded), 0)); (err == nil) != (ok && s.name != "status") {
			t.Errorf("%s with a byte more: %v", s.name, err)
		}
	}
}

func TestTooBig(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", MaxString+1)
	_, name := DecodeExportRequest(ExportRequest{Name: long}.Append(nil))
	_, query := DecodeMetaRequest(MetaRequest{Queries: []string{long}}.Append(nil))
	_, text := DecodeInfoText(InfoText{InfoTypeName, long}.Append(nil))
	_, listing := DecodeListing(Listing{Text: long}.Append(nil))
	_, context := DecodeMetaContext(MetaContext{Name: long}.Append(nil))
	_, message := DecodeFailure(ChunkError, Failure{Message: long}.Append(nil))
	for i, err := range []error{name, query, text, listing, context, message} {
		if !errors.Is(err, ErrTooBig) {
			t.Errorf("string %d: %v", i, err)
		}
	}
}

// TestBoundedAllocation decodes messages that claim 4 Gi of everything. It runs alone, as it counts what is allocated.
func TestBoundedAllocation(t *testing.T) {
	b := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 0}, math.MaxUint32)
	b = append(b, bytes.Repeat([]byte{0xff}, 64)...)
	for _, c := range codecs {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 100 {
			c.again(b)
		}
		runtime.ReadMemStats(&after)
		if n := (after.TotalAlloc - before.TotalAlloc) / 100; n > 4096 {
			t.Errorf("%s: %d bytes allocated for a message of %d", c.name, n, len(b))
		}
	}
}

// TestWire holds a few messages against bytes written down from the specification.
func TestWire(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		encoded []byte
		want    string
	}{
		{Greeting{3}.Append(nil), "4e42444d41474943 49484156454f5054 0003"},
		{Option{OptGo, 6}.Append(nil), "49484156454f5054 00000007 00000006"},
		{OptionReply{OptList, RepErrTLSReqd, 0}.Append(nil), "0003e889045565a9 00000003 80000005 00000000"},
		{Request{4, CmdRead, 1, 2, 3}.Append(nil), "25609513 0004 0000 0000000000000001 0000000000000002 00000003"},
		{SimpleReply{EIO, 1}.Append(nil), "67446698 00000005 0000000000000001"},
		{AppendDataHead(nil, FlagDone, 1, 2, 3), "668e33ef 0001 0001 0000000000000001 0000000b 0000000000000002"},
		{InfoBlockSize{1, 4096, 32 << 20}.Append(nil), "0003 00000001 00001000 02000000"},
	} {
		want, err := hex.DecodeString(strings.ReplaceAll(c.want, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(c.encoded, want) {
			t.Errorf("%x, want %x", c.encoded, want)
		}
	}
}

func TestExportNameZeroes(t *testing.T) {
	t.Parallel()
	e := InfoExport{Size: 5, Flags: 3}
	if n := len(AppendExportName(nil, e, true)); n != 134 {
		t.Errorf("with zeroes %d bytes, want 134", n)
	}
	if n := len(AppendExportName(nil, e, false)); n != 10 {
		t.Errorf("without zeroes %d bytes, want 10", n)
	}
}
