// Values of the kinds C++ and its library add, for `print`.
#include <array>
#include <cstdio>
#include <deque>
#include <forward_list>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace shapes
{

enum class Colour { red, green = 7 };
enum Plain { one, two };

class Shape
{
      public:
	explicit Shape(std::string name) : name_(std::move(name))
	{
	}
	virtual ~Shape() = default;
	virtual double area() const = 0;

      protected:
	std::string name_;
	Colour colour_ = Colour::green;
};

class Named
{
      public:
	virtual ~Named() = default;
	int tag = 77;
};

namespace
{

class Circle : public Shape
{
      public:
	explicit Circle(double radius) : Shape("circle"), radius_(radius)
	{
	}
	double area() const override
	{
		return 3 * radius_ * radius_;
	}

      private:
	double radius_;
};

template <typename T> class Tagged : public Shape, public Named
{
      public:
	explicit Tagged(T value) : Shape("tagged"), value_(value)
	{
	}
	double area() const override
	{
		return 0;
	}

      private:
	T value_;
};

} // namespace

struct Root {
	virtual ~Root() = default;
	int root = 1;
};
struct Left : virtual Root {
	int left = 2;
};
struct Right : virtual Root {
	int right = 3;
};
struct Diamond : Left, Right {
	int bottom = 4;
};

} // namespace shapes

using namespace shapes;

struct Empty {
};

struct Static {
	static int shared;
	int own = 5;
};
int Static::shared = 6;

struct Link {
	int value = 0;
	std::shared_ptr<Link> next;
};

static int twice(int n)
{
	return 2 * n;
}

std::string sso = "short";
std::string heap = "a string that is too long for the object itself, so that it lies in the heap";
std::string with_nul("a\0b", 3);
std::u16string utf16 = u"sixteen";
std::string_view view = std::string_view(heap).substr(2, 6);
std::vector<int> vector = {1, 2, 3};
std::vector<std::string> strings = {"one", "two"};
std::vector<bool> bits = {true, false, true};
std::vector<std::vector<int>> nested = {{1}, {2, 3}, {}};
std::vector<int> none;
std::array<int, 3> array = {7, 8, 9};
std::map<std::string, int> map = {{"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}, {"e", 5}};
std::map<int, std::vector<int>> map_of_vectors = {{1, {1, 2}}, {2, {}}};
std::multimap<int, int> multimap = {{1, 2}, {1, 3}};
std::set<int> set = {5, 3, 4, 1, 2};
std::set<std::string> set_of_strings = {"y", "x"};
std::unordered_map<int, std::string> hash = {{1, "one"}};
std::unordered_set<std::string> hash_set = {"only"};
std::deque<int> deque;
std::list<int> list = {1, 2, 3};
std::forward_list<int> forward = {4, 5};
std::pair<int, std::string> pair = {1, "two"};
std::tuple<int, std::string, Empty> tuple = {1, "two", {}};
std::optional<int> some = 5, nothing;
std::optional<std::string> some_text = "text";
std::variant<int, std::string, double> variant = "held";
std::unique_ptr<Shape> shape = std::make_unique<Circle>(2);
std::unique_ptr<Shape> tagged = std::make_unique<Tagged<unsigned long>>(9);
std::unique_ptr<int[]> many = std::make_unique<int[]>(3);
std::unique_ptr<int> nowhere;
std::shared_ptr<int> shared = std::make_shared<int>(3), second = shared, empty;
std::weak_ptr<int> weak = shared, expired;
std::function<int(int)> function = twice, no_function;
std::shared_ptr<Link> ring;
std::unordered_map<std::string, std::unique_ptr<Shape>> scene;
Shape *base = shape.get();
Named *side = nullptr;
Circle *circle = nullptr;
Diamond diamond;
Right *right = &diamond;
Empty nothing_in_it;
Static with_static;
Colour colour = Colour::green;
Plain plain = two;
int number = 17;
int &reference = number;
const std::string &string_reference = heap;
int Static::*member_pointer = &Static::own;
constexpr int constant = 1234;
const int *constant_pointer = &constant;

int main()
{
	for (int i = 0; i < 300; i++)
		deque.push_back(i);
	for (int i = 0; i < 100; i++)
		deque.pop_front();
	ring = std::make_shared<Link>();
	ring->next = std::make_shared<Link>();
	ring->next->value = 1;
	ring->next->next = ring;
	scene.emplace("sun", std::make_unique<Circle>(3));
	side = static_cast<Tagged<unsigned long> *>(tagged.get());
	circle = static_cast<Circle *>(shape.get());
	{
		auto gone = std::make_shared<int>(1);
		expired = gone;
	}
	std::printf("ready %p\n", static_cast<void *>(&circle));
	std::fflush(stdout);
	int c = std::getchar();
	ring->next.reset();
	return c == EOF ? 0 : 1;
}
