/* Changes a context that is freed: the library reads memory that is not its own. */

#include <tlsmith.h>

int main(void)
{
	tlsmith_ctx *ctx = tlsmith_ctx_new();

	tlsmith_ctx_free(ctx);
	return tlsmith_ctx_set_max_depth(ctx, 3);
}
