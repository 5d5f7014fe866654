// C++: exceptions that nobody may or can catch, and objects that die badly.
#include <cstring>
#include <stdexcept>
#include <thread>

static void throws()
{
	throw std::runtime_error("nobody wants it");
}

static void promises() noexcept
{
	throws();
}

struct Pure {
	virtual ~Pure() { run(); }
	void run() { work(); }
	virtual void work() = 0;
};

struct Real : Pure {
	void work() override {}
};

struct Last {
	~Last() { *(volatile int *)12 = 1; }
};

static void in_thread_local()
{
	std::thread([] { thread_local Last last; (void)&last; }).join();
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	if (!std::strcmp(how, "noexcept"))
		promises();
	if (!std::strcmp(how, "uncaught"))
		throws();
	if (!std::strcmp(how, "thread"))
		std::thread(throws).join();
	if (!std::strcmp(how, "unjoined"))
		std::thread([] {});
	if (!std::strcmp(how, "pure"))
		Real real;
	if (!std::strcmp(how, "thread-local"))
		in_thread_local();
	return 99;
}
