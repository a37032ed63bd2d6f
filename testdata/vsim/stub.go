package vsim

import "net/http"

type lease struct{}

func (h *Host) nfc(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
func (h *Host) wire(m *Machine) error                      { return nil }
