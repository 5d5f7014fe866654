// A component in C++: an object that others may call, and exceptions of its own.
//
// It does as it is told, line by line, and answers each line with one (see worker.c).
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

class Shape {
public:
	virtual ~Shape() = default;
	virtual long area(long side) const = 0;
};

class Square : public Shape {
public:
	long area(long side) const override
	{
		long result = side * side; /* first line of area */

		return result + extra;     /* last line of area */
	}

	long extra = 0;
};

static std::atomic<long> rounds{0};
static std::atomic<long> wrong{0};

static void thrower(long n)
{
	if (n % 2) /* first line of thrower */
		throw std::runtime_error("odd");
}

static long catcher(long n)
{
	try {
		thrower(n);
	} catch (const std::runtime_error &error) {
		return -n; /* catcher catches */
	}
	return n;
}

static void work()
{
	Square square;

	for (long n = 0;; n = (n + 1) & 0xffff) {
		if (square.area(n) != n * n || (n % 16 == 1 && catcher(n) != -n))
			wrong++;
		rounds++;
		std::this_thread::sleep_for(std::chrono::milliseconds(5));
	}
}

static void call(const std::string &argument)
{
	const Shape *shape = reinterpret_cast<const Shape *>(std::stoull(argument, nullptr, 0));
	long result = shape->area(7); /* call calls */

	std::cout << "area " << result << std::endl;
}

int main(int, char **argv)
{
	Square mine;
	std::string line;
	std::thread worker(work);

	mine.extra = argv[1] ? std::stol(argv[1]) : 0;
	worker.detach();
	std::cout << "ready" << std::endl;
	while (std::getline(std::cin, line)) {
		std::istringstream words(line);
		std::string word, argument;

		words >> word >> argument;
		if (word == "check")
			std::cout << "rounds " << rounds << " wrong " << wrong << std::endl;
		else if (word == "object")
			std::cout << "object " << &mine << std::endl;
		else if (word == "call")
			call(argument);
		else if (word == "throw")
			std::cout << "threw " << catcher(std::stol(argument)) << std::endl;
	}
	std::quick_exit(0);
}
