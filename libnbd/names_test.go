package libnbd

// names is what both builds have; a call that only one of them has does not compile here.
type names interface {
	Close() error
	SetExportName(string) error
	AddMetaContext(string) error
	SetUriAllowLocalFile(bool) error
	ConnectUri(string) error
	ConnectUnix(string) error
	ConnectSocket(int) error
	AioConnectUri(string) error
	AioDisconnect(*AioDisconnectOptargs) error
	Shutdown(*ShutdownOptargs) error

	GetSize() (uint64, error)
	GetBlockSize(Size) (uint64, error)
	CanMetaContext(string) (bool, error)
	IsReadOnly() (bool, error)
	CanMultiConn() (bool, error)
	CanDf() (bool, error)
	CanFlush() (bool, error)
	CanTrim() (bool, error)
	CanZero() (bool, error)
	AioIsReady() (bool, error)
	AioIsDead() (bool, error)
	AioIsClosed() (bool, error)
	AioInFlight() (uint, error)

	Pread([]byte, uint64, *PreadOptargs) error
	Pwrite([]byte, uint64, *PwriteOptargs) error
	Zero(uint64, uint64, *ZeroOptargs) error
	Trim(uint64, uint64, *TrimOptargs) error
	Flush(*FlushOptargs) error
	BlockStatus(uint64, uint64, ExtentCallback, *BlockStatusOptargs) error

	AioPread(AioBuffer, uint64, *AioPreadOptargs) (uint64, error)
	AioPwrite(AioBuffer, uint64, *AioPwriteOptargs) (uint64, error)
	AioZero(uint64, uint64, *AioZeroOptargs) (uint64, error)
	AioTrim(uint64, uint64, *AioTrimOptargs) (uint64, error)
	AioFlush(*AioFlushOptargs) (uint64, error)
	AioBlockStatus(uint64, uint64, ExtentCallback, *AioBlockStatusOptargs) (uint64, error)
	AioCommandCompleted(uint64) (bool, error)
	Poll(int) (uint, error)
}

var _ names = (*Libnbd)(nil)
