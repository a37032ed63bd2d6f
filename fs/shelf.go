package fs

import "slices"

// A shelf holds things by name, in order of the names once it is sorted.
type shelf[T any] struct {
	names []string
	of    map[string]T
}

func newShelf[T any]() *shelf[T] { return &shelf[T]{of: map[string]T{}} }

// put adds v, unless the name is taken.
func (s *shelf[T]) put(name string, v T) {
	if _, taken := s.of[name]; taken {
		return
	}
	s.names = append(s.names, name)
	s.of[name] = v
}

// at gives what is there under the name, made by the first who asks.
func (s *shelf[T]) at(name string, make func() T) T {
	v, ok := s.of[name]
	if !ok {
		v = make()
		s.put(name, v)
	}
	return v
}

func (s *shelf[T]) sort() { slices.Sort(s.names) }
