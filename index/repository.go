package index

import (
	"context"
	"sync"

	"filippo.io/age"

	"vbfs/index/format"
	"vbfs/index/imagemap"
	"vbfs/index/lru"
	"vbfs/index/object"
	"vbfs/index/pack"
	"vbfs/index/seal"
	"vbfs/index/table"
)

// OpenOptions says how a repository is opened.
type OpenOptions struct {
	Password   []byte                 // or recovery key; a repository without encryption then is refused
	Identities []age.Identity         // open slots of their recipients; a repository without encryption then is refused
	Ask        func() ([]byte, error) // asked for a password when one is needed and nothing was given
	Table      string                 // folder of table segments; "" is none, which costs space, not bytes
	Cache      int64                  // bytes of decoded blocks to keep; 0 is 64 MiB
}

const (
	defaultCache = 64 << 20
	nodesCache   = 32 << 20 // bytes of decoded map nodes: some 100 GB of disk at random
)

// A Repository is an opened store. It is safe for concurrent use.
type Repository struct {
	store    object.Store
	config   format.Config
	root     *seal.Ring // of keyrings
	ring     *seal.Ring
	packs    *pack.Set
	table    *table.Table // nil when there is none
	tableDir string
	nodes    *nodes
	maps     *imagemap.Cache
	blocks   *lru.Cache[format.Address, []byte]
	shelf    *shelf

	mu        sync.Mutex // guards all below
	summaries map[format.UUID]*format.Manifest
	voids     map[format.UUID]bool
	noted     map[string]*format.Note // by object
	verified  *verifiedRecord         // the last that was read
}

// Open opens a repository. ErrNoRepository, ErrPassword, ErrIdentity, ErrNotEncrypted, ErrNewer and ErrCorrupt tell what hinders
// it.
func Open(ctx context.Context, s object.Store, o OpenOptions) (*Repository, error) {
	a, err := unlock(ctx, s, o)
	if err != nil {
		return nil, err
	}
	r := &Repository{
		store: s, config: a.config, root: a.ring(),
		ring:      seal.NewLearningRing(a.config.Repository, a.config.Encrypted, &a.keyring, a.newer),
		maps:      imagemap.NewCache(nodesCache),
		shelf:     newShelf(),
		summaries: map[format.UUID]*format.Manifest{},
		voids:     map[format.UUID]bool{},
		noted:     map[string]*format.Note{},
	}
	if o.Cache == 0 {
		o.Cache = defaultCache
	}
	r.blocks = lru.New[format.Address, []byte](o.Cache)
	if r.packs, err = pack.NewSet(s, r.ring); err != nil {
		return nil, err
	}
	r.nodes = newNodes(r.packs, r.ring)
	r.tableDir = o.Table
	if o.Table != "" {
		if r.table, err = table.Open(o.Table); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Close releases what the repository holds open. Images of it must not be used afterwards.
func (r *Repository) Close() error {
	if r.table == nil {
		return nil
	}
	return r.table.Close()
}

// ID is the repository's ID.
func (r *Repository) ID() format.UUID { return r.config.Repository }

// Config is what the repository was made as.
func (r *Repository) Config() format.Config { return r.config }
