// allocstr - makes some std::strings, says where they are, and waits.
//
//	tprun build/bin/allocstr            (and in another terminal, with one of the addresses)
//	tprun build/bin/printstr ADDRESS
//
// Nothing here is special: no shared memory, no allocator, no handle.  In a space the
// strings can be read by other programs because all programs share one address space.

#include <tproc/tproc.h>

#include <iostream>
#include <limits>
#include <memory>
#include <string>
#include <vector>

int main()
{
	struct tproc_info self;
	int result = tproc_self(&self);

	if (result != TPROC_OK) {
		std::cerr << "allocstr: " << tproc_strerror(result)
			  << ": nobody else could read its strings; try: tprun allocstr\n";
		return 1;
	}

	// One that is short enough to lie within the std::string itself, and one whose
	// characters are elsewhere in the heap: a reader has to follow the pointer in it.
	std::vector<std::unique_ptr<std::string>> strings;
	strings.push_back(std::make_unique<std::string>("short string"));
	strings.push_back(std::make_unique<std::string>(
		"a string that is too long to be stored inside of its own object"));

	std::cout << "threadproc " << self.id << " (" << self.name << ")\n";
	for (const auto &string : strings)
		std::cout << static_cast<const void *>(string.get()) << "\n";
	std::cout << std::flush;

	// The strings are there for as long as this program is: until its input ends.
	std::cin.ignore(std::numeric_limits<std::streamsize>::max());
	return 0;
}
