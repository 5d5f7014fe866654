// scene_build - builds a scene, an ordinary C++ data structure, and publishes it by name.
//
//	tprun build/bin/scene_build        (and in another terminal, as often as you like)
//	tprun build/bin/scene_play

#include "scene.h"

#include <tproc/tproc.h>

#include <iostream>
#include <limits>

namespace
{

class Circle : public Shape
{
      public:
	explicit Circle(double radius) : radius_(radius)
	{
	}
	const char *kind() const noexcept override
	{
		return "circle";
	}
	double area() const noexcept override
	{
		return 3.14159265358979 * radius_ * radius_;
	}
	void scale(double factor) noexcept override
	{
		radius_ *= factor;
	}

      private:
	double radius_;
};

class Box : public Shape
{
      public:
	Box(double width, double height) : width_(width), height_(height)
	{
	}
	const char *kind() const noexcept override
	{
		return "box";
	}
	double area() const noexcept override
	{
		return width_ * height_;
	}
	void scale(double factor) noexcept override
	{
		width_ *= factor;
		height_ *= factor;
	}

      private:
	double width_;
	double height_;
};

double total_area(Scene &scene)
{
	std::lock_guard<std::mutex> guard(scene.lock);
	double total = 0;

	for (const auto &[name, shape] : scene.shapes)
		total += shape->area();
	return total;
}

} // namespace

int main()
{
	Scene scene;

	scene.shapes.emplace("sun", std::make_unique<Circle>(2));
	scene.shapes.emplace("house", std::make_unique<Box>(4, 3));
	scene.shapes.emplace("a door with a name that needs the heap", std::make_unique<Box>(1, 2));

	int result = tproc_publish(scene_name, &scene, sizeof(scene), scene_type);
	if (result != TPROC_OK) {
		std::cerr << "scene_build: cannot publish the scene: " << tproc_strerror(result)
			  << "\n";
		return 1;
	}
	std::cout << "built " << scene.shapes.size() << " shapes, total area " << total_area(scene)
		  << std::endl;

	// The scene is there until this program's input ends.  Nobody else may use it after
	// that: the name goes first, and whoever holds the lock is waited for.
	std::cin.ignore(std::numeric_limits<std::streamsize>::max());
	tproc_unpublish(scene_name);
	std::cout << "total area is now " << total_area(scene) << std::endl;
	return 0;
}
