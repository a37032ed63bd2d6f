/* A test double of nbdkit's vddk plugin. It is not VMware's, holds nothing of VMware's, and reads no VMware: it serves files
 * that a vsim.Host keeps in its directory, and takes the parameters, refuses the requests and fails at the moments that
 * nbdkit-vddk-plugin(1) and VDDK do, as far as a backup can tell.
 *
 *   LIBDIR/vsim-double               server, port, user, password, thumbprint, largest read: one a line
 *   LIBDIR/MACHINE/SNAPSHOT/FILE     symlink to the bytes of a disk of a snapshot
 *   LIBDIR/MACHINE/-/FILE            to a disk as it is; a link to "locked" is one that a running machine holds
 *   LIBDIR/lie                       if there: allocation is told wrong, everything is a hole
 *   LIBDIR/fail-open, fail-read,     if there: what opening, reading, or writing fails with
 *   LIBDIR/fail-write
 */
#define NBDKIT_API_VERSION 2
#define _GNU_SOURCE
#include <nbdkit-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL
#define CHUNK (64 * 1024)

static char *file, *server, *user, *password, *thumbprint, *port, *vm, *snapshot, *libdir, *transports;
static bool remote;

static int config(const char *key, const char *value) {
  static const struct { const char *key; char **to; bool remote; } keys[] = {
    {"file", &file, false}, {"server", &server, true}, {"user", &user, true}, {"thumbprint", &thumbprint, true},
    {"port", &port, true}, {"vm", &vm, true}, {"snapshot", &snapshot, false}, {"transports", &transports, false},
  };
  static const char *ignored[] = {"compression", "config", "cookie", "nfchostport", "single-link", "unbuffered", "vimapiver"};

  if (strcmp(key, "password") == 0) {
    free(password);
    remote = true;
    return nbdkit_read_password(value, &password);
  }
  if (strcmp(key, "libdir") == 0)
    return (libdir = nbdkit_realpath(value)) ? 0 : -1;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (strcmp(key, keys[i].key) == 0) {
      *keys[i].to = strdup(value);
      remote = remote || keys[i].remote;
      return *keys[i].to ? 0 : -1;
    }
  for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
    if (strcmp(key, ignored[i]) == 0)
      return 0;
  nbdkit_error("unknown parameter '%s'", key);
  return -1;
}

/* As the real one: remote connections need all four. */
static int config_complete(void) {
  if (!file) {
    nbdkit_error("you must supply the file=<FILENAME> parameter after the plugin name on the command line");
    return -1;
  }
  if (!remote) {
    nbdkit_error("this is a test double, which serves no local files");
    return -1;
  }
  if (!server || !user || !password || !vm) {
    nbdkit_error("remote connection requested, missing: %s%s%s%s", server ? "" : "server ", user ? "" : "user ",
                 password ? "" : "password ", vm ? "" : "vm");
    return -1;
  }
  return 0;
}

static FILE *in_libdir(const char *name) {
  char path[PATH_MAX];

  snprintf(path, sizeof path, "%s/%s", libdir ? libdir : "", name);
  return fopen(path, "re");
}

/* Without a library the real plugin tells no version of it. */
static void dump_plugin(void) {
  FILE *f = libdir ? in_libdir("vsim-double") : NULL;

  printf("vddk_default_libdir=/usr/lib/vmware-vix-disklib\nvddk_has_nfchostport=1\nvsim_test_double=1\n");
  if (f) {
    printf("vddk_library_version=8\nvddk_dll=%s/lib64/libvixDiskLib.so.8\n", libdir);
    fclose(f);
  }
}

/* said fails an operation, if the host wants that. */
static bool said(const char *name, const char *where) {
  char text[256] = "";
  FILE *f = in_libdir(name);

  if (!f)
    return false;
  if (fgets(text, sizeof text, f))
    text[strcspn(text, "\n")] = 0;
  fclose(f);
  nbdkit_error("%s: %s", where, text);
  return true;
}

struct handle {
  int fd;
  int64_t size, most;
};

enum { SERVER, PORT, USER, PASSWORD, THUMBPRINT, MOST, LINES };

/* log_in does what VixDiskLib_ConnectEx does. */
static int log_in(int64_t *most) {
  char line[LINES][512] = {""};
  FILE *f = in_libdir("vsim-double");

  if (!f) {
    nbdkit_error("could not load the VDDK library, and this is a test double: %s/vsim-double: %m", libdir ? libdir : "(no libdir)");
    return -1;
  }
  for (int i = 0; i < LINES && fgets(line[i], sizeof line[i], f); i++)
    line[i][strcspn(line[i], "\n")] = 0;
  fclose(f);
  *most = atoll(line[MOST]);
  if (strcmp(server, line[SERVER]) || strcmp(port ? port : "443", line[PORT]))
    nbdkit_error("VixDiskLib_ConnectEx: Cannot connect to host.");
  else if (!thumbprint || strcasecmp(thumbprint, line[THUMBPRINT]))
    nbdkit_error("VixDiskLib_ConnectEx: Unknown error");
  else if (strcmp(user, line[USER]) || strcmp(password, line[PASSWORD]))
    nbdkit_error("VixDiskLib_ConnectEx: Cannot complete login due to an incorrect user name or password.");
  else if (strncmp(vm, "moref=", 6))
    nbdkit_error("VixDiskLib_ConnectEx: One of the parameters was invalid");
  else if (transports && !strstr(transports, "nbd") && !strstr(transports, "file"))
    nbdkit_error("VixDiskLib_ConnectEx: The operation is not supported: transport modes %s", transports);
  else
    return 0;
  return -1;
}

static void *vddk_open(int readonly) {
  struct handle *h = calloc(1, sizeof *h);
  char path[PATH_MAX], target[PATH_MAX] = "";
  struct stat st;

  if (!h)
    return NULL;
  h->fd = -1;
  if (said("fail-open", "VixDiskLib_Open") || log_in(&h->most) == -1)
    goto fail;
  snprintf(path, sizeof path, "%s/%s/%s/%s", libdir, vm + 6, snapshot ? snapshot : "-", file);
  if (readlink(path, target, sizeof target - 1) == -1) {
    nbdkit_error("VixDiskLib_Open: %s: A file was not found", file);
    goto fail;
  }
  if (strcmp(target, "locked") == 0 || (snapshot && !readonly)) {
    nbdkit_error("VixDiskLib_Open: %s: Failed to lock the file", file);
    goto fail;
  }
  h->fd = open(target, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
  if (h->fd == -1 || fstat(h->fd, &st) == -1 || flock(h->fd, (readonly ? LOCK_SH : LOCK_EX) | LOCK_NB) == -1) {
    nbdkit_error("VixDiskLib_Open: %s: %m", file);
    goto fail;
  }
  h->size = st.st_size;
  return h;
fail:
  if (h->fd != -1)
    close(h->fd);
  free(h);
  return NULL;
}

static void vddk_close(void *handle) {
  struct handle *h = handle;

  close(h->fd);
  free(h);
}

static int64_t get_size(void *handle) { return ((struct handle *)handle)->size; }

static int block_size(void *handle, uint32_t *minimum, uint32_t *preferred, uint32_t *maximum) {
  *minimum = 512;
  *preferred = 4096;
  *maximum = 0xffffffff;
  return 0;
}

/* One connection at a time has the disk. */
static int can_multi_conn(void *handle) { return 0; }

/* allowed knows sectors, and NFC's buffer. */
static int allowed(struct handle *h, const char *what, uint32_t count, uint64_t offset) {
  if (count % 512 || offset % 512) {
    nbdkit_error("%s is not aligned to sectors: %u bytes at %lu", what, count, offset);
    errno = EINVAL;
    return -1;
  }
  if (count > h->most) {
    nbdkit_error("VixDiskLib_%s: NfcFssrvrProcessErrorMsg: received NFC error 5 from server: Failed to allocate the requested %u bytes",
                 what, count);
    errno = EIO;
    return -1;
  }
  return 0;
}

static int vddk_pread(void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags) {
  struct handle *h = handle;

  if (allowed(h, "Read", count, offset) == -1)
    return -1;
  if (said("fail-read", "VixDiskLib_Read")) {
    errno = EIO;
    return -1;
  }
  for (ssize_t n; count > 0; count -= n, offset += n, buf = (char *)buf + n)
    if ((n = pread(h->fd, buf, count, offset)) <= 0) {
      nbdkit_error("VixDiskLib_Read: %m");
      return -1;
    }
  return 0;
}

static int vddk_pwrite(void *handle, const void *buf, uint32_t count, uint64_t offset, uint32_t flags) {
  struct handle *h = handle;

  if (allowed(h, "Write", count, offset) == -1)
    return -1;
  if (said("fail-write", "VixDiskLib_Write")) {
    errno = ENOSPC;
    return -1;
  }
  for (ssize_t n; count > 0; count -= n, offset += n, buf = (const char *)buf + n)
    if ((n = pwrite(h->fd, buf, count, offset)) <= 0) {
      nbdkit_error("VixDiskLib_Write: %m");
      return -1;
    }
  return 0;
}

static int vddk_flush(void *handle, uint32_t flags) { return fdatasync(((struct handle *)handle)->fd); }

/* Allocation is told in chunks of 64 KiB: one that has any data is data. */
static int extents(void *handle, uint32_t count, uint64_t offset, uint32_t flags, struct nbdkit_extents *all) {
  struct handle *h = handle;
  uint64_t at = offset - offset % CHUNK, end = offset + count;
  FILE *lie = in_libdir("lie");

  if (lie) {
    fclose(lie);
    return nbdkit_add_extent(all, offset, h->size - offset, NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO);
  }
  while (at < end) {
    off_t data = lseek(h->fd, at, SEEK_DATA);
    uint64_t hole = data == -1 ? (uint64_t)h->size : (uint64_t)data - data % CHUNK;

    if (data == -1 && errno != ENXIO) {
      nbdkit_error("VixDiskLib_QueryAllocatedBlocks: %m");
      return -1;
    }
    if (hole > at && nbdkit_add_extent(all, at, hole - at, NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO) == -1)
      return -1;
    at = hole;
    if (data != -1) {
      if (nbdkit_add_extent(all, at, at + CHUNK < (uint64_t)h->size ? CHUNK : h->size - at, 0) == -1)
        return -1;
      at += CHUNK;
    }
    if (at >= (uint64_t)h->size)
      break;
  }
  return 0;
}

static struct nbdkit_plugin plugin = {
  .name = "vddk",
  .longname = "test double of nbdkit's VMware VDDK plugin (vsim)",
  .version = "vsim",
  .magic_config_key = "file",
  .config = config,
  .config_complete = config_complete,
  .dump_plugin = dump_plugin,
  .open = vddk_open,
  .close = vddk_close,
  .get_size = get_size,
  .block_size = block_size,
  .can_multi_conn = can_multi_conn,
  .pread = vddk_pread,
  .pwrite = vddk_pwrite,
  .flush = vddk_flush,
  .extents = extents,
  .errno_is_preserved = 1,
};

NBDKIT_REGISTER_PLUGIN(plugin)
