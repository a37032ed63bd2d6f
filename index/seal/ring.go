package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"

	"vbfs/index/block"
	"vbfs/index/format"
)

// A Ring is what an opened repository seals and opens with. It is safe for concurrent use. Its keys never change, but it
// may learn newer master keys.
type Ring struct {
	repo      format.UUID
	encrypted bool
	blocks    [32]byte
	nodes     [32]byte
	digests   [32]byte
	tags      [32]byte
	known     atomic.Pointer[masters]

	mu   sync.Mutex // one goroutine learns at a time
	load Loader
}

// A Loader gives the newest keyring; nil when there is none newer than what it gave before.
type Loader func() (*format.Keyring, error)

// NewRing makes the ring of a repository from its keyring. It knows no other keys, ever.
func NewRing(repo format.UUID, encrypted bool, k *format.Keyring) *Ring {
	return NewLearningRing(repo, encrypted, k, nil)
}

// NewLearningRing makes a ring that loads the keyring again when it meets a master key that it does not know.
func NewLearningRing(repo format.UUID, encrypted bool, k *format.Keyring, load Loader) *Ring {
	r := &Ring{repo: repo, encrypted: encrypted, load: load}
	r.blocks = derive(k.IDKey, nil, "block ID")
	r.nodes = derive(k.IDKey, nil, "node")
	r.digests = derive(k.IDKey, nil, "digest")
	r.tags = derive(k.IDKey, nil, "tag")
	r.known.Store(r.masters(k))
	return r
}

// derive is HKDF-SHA256 with the label and what it is bound to as info, parted by a zero byte.
func derive(key [32]byte, salt []byte, label string, bound ...[]byte) (out [32]byte) {
	info := "vbfs 1 " + label + "\x00"
	for _, b := range bound {
		info += string(b)
	}
	b, err := hkdf.Key(sha256.New, key[:], salt, info, len(out))
	if err != nil { // only a wrong length, which is fixed
		panic(err)
	}
	return [32]byte(b)
}

func gcm(key [32]byte) cipher.AEAD {
	c, err := aes.NewCipher(key[:])
	if err != nil { // only a wrong length, which is fixed
		panic(err)
	}
	a, err := cipher.NewGCM(c)
	if err != nil {
		panic(err)
	}
	return a
}

// Repository is the repository's ID.
func (r *Ring) Repository() format.UUID { return r.repo }

// Blocks gives a summer for the IDs of disk blocks.
func (r *Ring) Blocks() *block.Summer { return block.NewSummer(r.blocks) }

// Nodes gives a summer for the hashes of map nodes.
func (r *Ring) Nodes() *block.Summer { return block.NewSummer(r.nodes) }

// Digests gives a summer for the terms of digests.
func (r *Ring) Digests() *block.Summer { return block.NewSummer(r.digests) }

// Tag is the name under which a machine's points lie: 32 hexadecimal digits that tell nothing of the machine.
func (r *Ring) Tag(machine format.UUID) string {
	id := block.NewSummer(r.tags).Sum(machine[:])
	return hex.EncodeToString(id[:16])
}

func (r *Ring) aead(number uint32, salt []byte, label string, bound ...[]byte) (cipher.AEAD, error) {
	if !r.encrypted {
		return checksum{}, nil
	}
	master, err := r.master(number)
	if err != nil {
		return nil, err
	}
	return r.cipher(master, salt, label, bound...), nil
}

func (r *Ring) cipher(master [32]byte, salt []byte, label string, bound ...[]byte) cipher.AEAD {
	return gcm(derive(master, salt, label, append([][]byte{r.repo[:]}, bound...)...))
}

// Seal makes the bytes of an object that will be called name.
func (r *Ring) Seal(k format.Kind, name string, body []byte) ([]byte, error) {
	e := format.Envelope{Kind: k, Key: r.known.Load().current, Salt: newSalt()}
	return format.Seal(e, r.object(name), r.place(name), body)
}

// Open gives the body of an object called name that should be of kind k. Bad bytes are format.ErrMalformed.
func (r *Ring) Open(k format.Kind, name string, b []byte) ([]byte, error) {
	return format.Open(k, r.object(name), r.place(name), b)
}

func (r *Ring) object(name string) format.AEAD {
	return func(e format.Envelope) (cipher.AEAD, error) {
		return r.aead(e.Key, e.Salt[:], "object", []byte(name))
	}
}

func (r *Ring) place(name string) []byte { return append(r.repo[:len(r.repo):len(r.repo)], name...) }

// NewPack gives the header of a new pack or bundle, with a fresh ID and salt. The ID ends in the mark of its writer, for
// which see format.PackID.
func (r *Ring) NewPack(k format.Kind, mark format.Mark) format.PackHeader {
	h := format.PackHeader{Kind: k, Key: r.known.Load().current, Repo: r.repo, Salt: newSalt()}
	rand.Read(h.ID[:])
	h.ID.SetMark(mark)
	return h
}

// Pack gives the ciphers of a pack: of its blocks, whose nonce is the slot, and of its two trailer sections.
func (r *Ring) Pack(h format.PackHeader) (blocks, ids, slots cipher.AEAD, err error) {
	if h.Repo != r.repo {
		return nil, nil, nil, fmt.Errorf("%w: pack of another repository", format.ErrMalformed)
	}
	for label, p := range map[string]*cipher.AEAD{"block": &blocks, "pack IDs": &ids, "pack slots": &slots} {
		if *p, err = r.aead(h.Key, h.Salt[:], label, h.ID[:]); err != nil {
			return nil, nil, nil, err
		}
	}
	return blocks, ids, slots, nil
}

// Bundle gives the ciphers of a bundle's two trailer sections.
func (r *Ring) Bundle(h format.PackHeader) (ids, parts cipher.AEAD, err error) {
	if h.Repo != r.repo {
		return nil, nil, fmt.Errorf("%w: bundle of another repository", format.ErrMalformed)
	}
	if ids, err = r.aead(h.Key, h.Salt[:], "bundle IDs", h.ID[:]); err != nil {
		return nil, nil, err
	}
	parts, err = r.aead(h.Key, h.Salt[:], "bundle parts", h.ID[:])
	return ids, parts, err
}

func newSalt() (s [32]byte) {
	rand.Read(s[:])
	return s
}
