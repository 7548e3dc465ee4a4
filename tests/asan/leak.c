/* Loses a context. */

#include <tlsmith.h>

int main(void)
{
	return tlsmith_ctx_new() == 0;
}
