package format

// A Codec tells how a block's bytes are compressed. The numbers are stored.
type Codec uint8

// The codecs.
const (
	Raw  Codec = 0
	Zstd Codec = 1 // RFC 8878 frame
	S2   Codec = 2 // block format of github.com/klauspost/compress/s2
	LZ4  Codec = 3 // block format of lz4.org
)

var codecNames = []string{Raw: "none", Zstd: "zstd", S2: "s2", LZ4: "lz4"}

// String gives the name that users write.
func (c Codec) String() string {
	if int(c) < len(codecNames) {
		return codecNames[c]
	}
	return "unknown codec"
}

// ParseCodec reads a name that users write.
func ParseCodec(s string) (Codec, error) {
	for c, name := range codecNames {
		if s == name {
			return Codec(c), nil
		}
	}
	return 0, unknown("compression %q; this release knows zstd, s2, lz4 and none", s)
}
