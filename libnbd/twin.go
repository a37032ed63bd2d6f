//go:build !cgo || nolibnbd

package libnbd

import "syscall"

// Libnbd is the handle of a build without the library: there is none, and every call says so.
type Libnbd struct{}

func missing(op string) error {
	return &LibnbdError{
		Op: op,
		Errmsg: "this build has no libnbd: install Debian's packages libnbd-dev, pkg-config and gcc, " +
			"and build with CGO_ENABLED=1 and without the tag nolibnbd",
		Errno: syscall.ENOTSUP,
	}
}

// Create says what is missing.
func Create() (*Libnbd, error) { return nil, missing("create") }

func (h *Libnbd) Close() error                              { return missing("close") }
func (h *Libnbd) SetExportName(string) error                { return missing("set_export_name") }
func (h *Libnbd) AddMetaContext(string) error               { return missing("add_meta_context") }
func (h *Libnbd) SetUriAllowLocalFile(bool) error           { return missing("set_uri_allow_local_file") }
func (h *Libnbd) ConnectUri(string) error                   { return missing("connect_uri") }
func (h *Libnbd) ConnectUnix(string) error                  { return missing("connect_unix") }
func (h *Libnbd) ConnectSocket(int) error                   { return missing("connect_socket") }
func (h *Libnbd) AioConnectUri(string) error                { return missing("aio_connect_uri") }
func (h *Libnbd) Shutdown(*ShutdownOptargs) error           { return missing("shutdown") }
func (h *Libnbd) AioDisconnect(*AioDisconnectOptargs) error { return missing("aio_disconnect") }

func (h *Libnbd) GetSize() (uint64, error)            { return 0, missing("get_size") }
func (h *Libnbd) GetBlockSize(Size) (uint64, error)   { return 0, missing("get_block_size") }
func (h *Libnbd) CanMetaContext(string) (bool, error) { return false, missing("can_meta_context") }
func (h *Libnbd) IsReadOnly() (bool, error)           { return false, missing("is_read_only") }
func (h *Libnbd) CanMultiConn() (bool, error)         { return false, missing("can_multi_conn") }
func (h *Libnbd) CanDf() (bool, error)                { return false, missing("can_df") }
func (h *Libnbd) CanFlush() (bool, error)             { return false, missing("can_flush") }
func (h *Libnbd) CanTrim() (bool, error)              { return false, missing("can_trim") }
func (h *Libnbd) CanZero() (bool, error)              { return false, missing("can_zero") }
func (h *Libnbd) AioIsReady() (bool, error)           { return false, missing("aio_is_ready") }
func (h *Libnbd) AioIsDead() (bool, error)            { return false, missing("aio_is_dead") }
func (h *Libnbd) AioIsClosed() (bool, error)          { return false, missing("aio_is_closed") }
func (h *Libnbd) AioInFlight() (uint, error)          { return 0, missing("aio_in_flight") }

func (h *Libnbd) Pread([]byte, uint64, *PreadOptargs) error   { return missing("pread") }
func (h *Libnbd) Pwrite([]byte, uint64, *PwriteOptargs) error { return missing("pwrite") }
func (h *Libnbd) Zero(uint64, uint64, *ZeroOptargs) error     { return missing("zero") }
func (h *Libnbd) Trim(uint64, uint64, *TrimOptargs) error     { return missing("trim") }
func (h *Libnbd) Flush(*FlushOptargs) error                   { return missing("flush") }
func (h *Libnbd) Poll(int) (uint, error)                      { return 0, missing("poll") }
func (h *Libnbd) AioCommandCompleted(uint64) (bool, error) {
	return false, missing("aio_command_completed")
}
func (h *Libnbd) AioFlush(*AioFlushOptargs) (uint64, error) { return 0, missing("aio_flush") }
func (h *Libnbd) AioZero(uint64, uint64, *AioZeroOptargs) (uint64, error) {
	return 0, missing("aio_zero")
}
func (h *Libnbd) AioTrim(uint64, uint64, *AioTrimOptargs) (uint64, error) {
	return 0, missing("aio_trim")
}
func (h *Libnbd) AioPread(AioBuffer, uint64, *AioPreadOptargs) (uint64, error) {
	return 0, missing("aio_pread")
}
func (h *Libnbd) AioPwrite(AioBuffer, uint64, *AioPwriteOptargs) (uint64, error) {
	return 0, missing("aio_pwrite")
}
func (h *Libnbd) BlockStatus(uint64, uint64, ExtentCallback, *BlockStatusOptargs) error {
	return missing("block_status")
}
func (h *Libnbd) AioBlockStatus(uint64, uint64, ExtentCallback, *AioBlockStatusOptargs) (uint64, error) {
	return 0, missing("aio_block_status")
}
