// Exceptions through several frames and threads, thread_local objects, std::thread, streams.
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace
{

struct Counter {
	int value = 0;
	~Counter()
	{
		value = -1;
	}
};

thread_local Counter counter;

int thrower(int depth)
{
	std::string local(100, 'x');

	if (depth == 0)
		throw std::runtime_error("from the depth");
	return thrower(depth - 1) + static_cast<int>(local.size());
}

int catch_many(int times)
{
	int caught = 0;

	for (int i = 0; i < times; i++) {
		try {
			thrower(20);
		} catch (const std::runtime_error &error) {
			caught += std::string(error.what()) == "from the depth";
		}
		counter.value++;
	}
	return caught == times && counter.value == times;
}

struct Base {
	virtual ~Base() = default;
	virtual int answer() const = 0;
};

struct Derived : Base {
	int answer() const override
	{
		return 42;
	}
};

} // namespace

int main(int argc, char **)
{
	std::vector<std::thread> threads;
	std::vector<int> results(8);
	std::map<std::string, std::unique_ptr<Base>> objects;

	for (std::size_t i = 0; i < results.size(); i++)
		threads.emplace_back([&results, i] { results[i] = catch_many(100); });
	for (auto &thread : threads)
		thread.join();
	for (int result : results) {
		if (!result)
			return 1;
	}
	objects["a"] = std::make_unique<Derived>();
	if (!dynamic_cast<Derived *>(objects["a"].get()))
		return 2;
	std::cout << "ok " << objects["a"]->answer() << std::endl;
	if (argc > 1) // to be looked at
		std::cin.get();
	return catch_many(1) ? 0 : 3;
}
