package torture

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// A sum stands for the bytes of a whole disk.
type sum [sha256.Size]byte

func sumOf(disk []byte) sum { return sha256.Sum256(disk) }

// pieceSize is how much one of piecesOf stands for.
const pieceSize = 16 * kib

// piecesOf stand for the pieces of a disk: they tell what is wrong in a part of it.
func piecesOf(disk []byte) (out []uint64) {
	for p := range slices.Chunk(disk, pieceSize) {
		s := sumOf(p)
		out = append(out, binary.LittleEndian.Uint64(s[:]))
	}
	return out
}

// A machine is a plain disk that changes between its backups. It has one owner, who changes it and backs it up.
type machine struct {
	name, path string
	rnd        *rand.Rand
	disk       []byte
	tried      map[sum][]uint64 // what a point of it may hold, and its pieces; guarded by the farm's mutex
}

func newMachine(dir, name string, size int, rnd *rand.Rand) (*machine, error) {
	m := &machine{name, filepath.Join(dir, name+".raw"), rnd, make([]byte, size), map[sum][]uint64{}}
	return m, os.WriteFile(m.path, m.disk, 0o600)
}

// change writes what nobody has seen, what other machines write as well, and zeros.
func (m *machine) change() error {
	for range 1 + m.rnd.IntN(5) {
		n := 1 + m.rnd.IntN(300*kib)
		off := m.rnd.IntN(len(m.disk) - n)
		if m.rnd.IntN(2) == 0 {
			off &^= 64*kib - 1 // where what is shared is stored once
		}
		if err := m.write(m.fill, off, n); err != nil {
			return err
		}
	}
	return m.write(m.noise, 0, 16) // whatever the dice gave, no two points of the machine are alike
}

// write has a part of the disk filled.
func (m *machine) write(fill func([]byte), off, n int) error {
	f, err := os.OpenFile(m.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	fill(m.disk[off : off+n])
	_, err = f.WriteAt(m.disk[off:off+n], int64(off))
	return err
}

func (m *machine) fill(p []byte) {
	switch m.rnd.IntN(6) {
	case 0:
		clear(p)
	case 1:
		rand.NewChaCha8([32]byte{byte(m.rnd.IntN(20))}).Read(p)
	default:
		m.noise(p)
	}
}

func (m *machine) noise(p []byte) {
	var key [32]byte
	for i := range key {
		key[i] = byte(m.rnd.Uint32())
	}
	rand.NewChaCha8(key).Read(p)
}
