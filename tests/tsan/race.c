/* A connection is freed after another thread was done with it, but nothing tells the
 * threads so: a race in the memory of the library, for ThreadSanitizer to find. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <tlsmith.h>

static atomic_int done;

static void *ask(void *conn)
{
	tlsmith_conn_error(conn);
	atomic_store_explicit(&done, 1, memory_order_relaxed);
	return NULL;
}

int main(void)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();
	tlsmith_conn *conn = tlsmith_conn_new(ctx);
	pthread_t thread;

	pthread_create(&thread, NULL, ask, conn);
	while (!atomic_load_explicit(&done, memory_order_relaxed))
		sched_yield();
	tlsmith_conn_free(conn);
	pthread_join(thread, NULL);
	tlsmith_ctx_free(ctx);
	return 0;
}
