/** A disk that loses what was not synced, for the files of one folder.
 *
 *  The program under test is linked so that its system calls come here (--wrap); it runs in a
 * child process, and the folder, a shadow of it and a block of shared memory stay when the child
 * dies. A call can be the last one (the child ends in the middle of it) or fail with an error.
 *
 *  What is durable: a file's bytes at its last fsync or fdatasync; a folder's names at its last
 * fsync, and any number of the changes after it, in their order (journalling file systems). What
 * was written since may be there, not there, zeros or garbage, block by block (what was synced
 * before in such a block included); a file may have any length between the synced one and the new
 * one.
 */
#ifndef TFM_TESTS_FAULTS_DISK_H
#define TFM_TESTS_FAULTS_DISK_H

#include <stdbool.h>
#include <stdint.h>

/** Make folder and shadow, and the shared memory. Once a process. */
void disk_open(const char *folder, const char *shadow);

/** Remove all files of the folder: the next job begins on an empty disk. */
void disk_wipe(void);

/** In the child, before the program: the call after `calls` more is its last, and is not done; -1:
 * none is. syncs: only syncs count, and one of them is the last. */
void disk_crash_after(int64_t calls, bool syncs);

/** In the child: the call after `calls` more fails with this error number; 0: it is done by half
 * where it writes. A sync that fails drops what it should have written. -1 calls: none fails. */
void disk_fail_after(int64_t calls, int error);

/** Calls of the last child. */
int64_t disk_calls(void);

/** The power fails: what is not durable is lost, or not, as rng says. gentle: bytes that were
 * synced and not written again stay, also in a block that was being written. */
void disk_cut(bool gentle, uint64_t *rng);

/** Numbers that outlive the child: it keeps them here, the parent reads them. */
enum { DISK_BEGAN_AT, DISK_COMMITTED, DISK_NOTES };
void disk_note(int what, int64_t value);
int64_t disk_noted(int what);

/** Damage one byte in the last `n` bytes of a file of that name, when it is there. */
void disk_rot(const char *name, int64_t n, uint64_t *rng);

/** A number below n. */
uint64_t disk_random(uint64_t *rng, uint64_t n);

/** The exit code of a child that a crash ended. */
enum { DISK_CRASHED = 99 };

#endif
