package format

import "vbfs/index/block"

// A Config is what a repository is, written once.
type Config struct {
	Repository  UUID
	Log2Block   uint8
	Compression string // the default for new blocks: zstd, s2, lz4 or none
	Encrypted   bool
	Extra       []Extra
}

func (c *Config) fields() []field {
	return []field{
		uuidField(critical|1, &c.Repository),
		number(critical|2, &c.Log2Block),
		text(3, &c.Compression),
		flag(critical|4, &c.Encrypted),
	}
}
func (c *Config) extras() *[]Extra { return &c.Extra }

// Marshal gives the object's bytes.
func (c *Config) Marshal() []byte { return frame(KindConfig, c) }

// Unmarshal reads the object's bytes.
func (c *Config) Unmarshal(b []byte) error {
	*c = Config{}
	if err := unframe(KindConfig, c, b); err != nil {
		return err
	}
	return c.Validate()
}

// Validate refuses what this release cannot work with.
func (c *Config) Validate() error {
	if c.Repository.IsZero() {
		return malformed("config without a repository ID")
	}
	if c.Log2Block != block.Log2Size {
		return unknown("blocks of 2^%d bytes; this release knows 2^%d", c.Log2Block, block.Log2Size)
	}
	if _, err := ParseCodec(c.Compression); err != nil {
		return err
	}
	return nil
}
