// The same in C++: members of classes, templates, a lambda; a caught exception is under way.
#include <cstdio>
#include <stdexcept>
#include <unistd.h>

#define STAY() __asm__ volatile("" ::: "memory")

namespace scene
{

struct Stage {
	int depth = 2;
	[[gnu::noinline]] virtual void play(int fd)
	{
		char byte;

		std::puts("ready");
		std::fflush(stdout);
		while (read(fd, &byte, 1) == 1)
			STAY();
	}
	virtual ~Stage() = default;
};

template <typename T> [[gnu::noinline]] void perform(T &stage)
{
	try {
		throw std::runtime_error("on stage");
	} catch (const std::exception &) {
		stage.play(STDIN_FILENO);
	}
	STAY();
}

} // namespace scene

int main()
{
	scene::Stage stage;

	scene::perform(stage);
	STAY();
	return 0;
}
