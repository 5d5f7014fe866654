/* A module with so much thread-local storage that it is allocated when it is used. */
int *plugin_variable(void);

static __thread int variables[10000];

int *plugin_variable(void)
{
	return &variables[7];
}
