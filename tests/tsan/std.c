/* What ThreadSanitizer has to be told of Rust's standard library, which comes
 * compiled, and so without it.  Most of std is generic or inlined and is compiled with
 * our code; what is not are the slow paths of its locks, and what they order is told
 * here.  Nothing is suppressed: a report is a race.
 *
 * The linker's --wrap leads the calls here.  run.sh defines the names, which std's
 * version is part of. */
#include <stddef.h>
#include <stdint.h>

#define PASTE(a, b) a##b
#define WRAP(name) PASTE(__wrap_, name)
#define REAL(name) PASTE(__real_, name)

void __tsan_acquire(void *address);
void __tsan_release(void *address);

/* ---- Mutex::lock and RwLock::read, ::write, where they have to wait ---- */

void REAL(MUTEX_LOCK)(void *mutex);
void REAL(RWLOCK_READ)(uint32_t *lock);
void REAL(RWLOCK_WRITE)(uint32_t *lock);

void WRAP(MUTEX_LOCK)(void *mutex)
{
	REAL(MUTEX_LOCK)(mutex);
	__tsan_acquire(mutex);
}

/* A lock is two words, and one of them is its state. */
void WRAP(RWLOCK_READ)(uint32_t *lock)
{
	REAL(RWLOCK_READ)(lock);
	__tsan_acquire(&lock[0]);
	__tsan_acquire(&lock[1]);
}

void WRAP(RWLOCK_WRITE)(uint32_t *lock)
{
	REAL(RWLOCK_WRITE)(lock);
	__tsan_acquire(&lock[0]);
	__tsan_acquire(&lock[1]);
}

/* ---- Once, which OnceLock and LazyLock are made of ---- */

/* That of a dyn FnMut(&OnceState). */
struct vtable {
	void (*drop)(void *closure);
	size_t size, align;
	void (*call_once)(void *closure, void *state);
	void (*call_mut)(void *closure, void *state);
};

struct first {
	void *once, *closure;
	const struct vtable *vtable;
};

void REAL(ONCE_CALL)(void *once, _Bool ignore_poison, void *closure,
    const struct vtable *vtable, const void *caller);

/* What was done once comes before what others do who see that it is done. */
static void call_mut(void *arg, void *state)
{
	struct first *first = arg;

	first->vtable->call_mut(first->closure, state);
	__tsan_release(first->once);
}

void WRAP(ONCE_CALL)(void *once, _Bool ignore_poison, void *closure,
    const struct vtable *vtable, const void *caller)
{
	static const struct vtable ours = {
		NULL, sizeof(struct first), _Alignof(struct first), call_mut, call_mut,
	};
	struct first first = { once, closure, vtable };

	REAL(ONCE_CALL)(once, ignore_poison, &first, &ours, caller);
	__tsan_acquire(once);
}

/* ---- Arc: the last owner's fence, which no version of ThreadSanitizer knows ---- */

static _Thread_local void *counter;

uint64_t REAL(__tsan_atomic64_fetch_sub)(volatile uint64_t *address, uint64_t value, int order);
void REAL(__tsan_atomic_thread_fence)(int order);

uint64_t WRAP(__tsan_atomic64_fetch_sub)(volatile uint64_t *address, uint64_t value, int order)
{
	counter = (void *)address;
	return REAL(__tsan_atomic64_fetch_sub)(address, value, order);
}

/* It orders what the operation before it has read. */
void WRAP(__tsan_atomic_thread_fence)(int order)
{
	REAL(__tsan_atomic_thread_fence)(order);
	__tsan_acquire(counter);
}
