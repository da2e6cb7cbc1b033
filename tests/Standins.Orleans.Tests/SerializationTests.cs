using System.Collections.Immutable;
using Orleans;
using Orleans.Serialization;

namespace KvCluster.Standins.Orleans.Tests;

public sealed class SerializationTests
{
    public static TheoryData<Type> Good =>
    [
        typeof(int), typeof(string), typeof(DayOfWeek), typeof(byte[]), typeof(int[][]), typeof(Guid?), typeof(DateTimeOffset),
        typeof(List<Dictionary<string, ImmutableArray<TimeSpan>>>), typeof((int, string)), typeof(Tuple<int>), typeof(CancellationToken),
        typeof(IReadOnlyList<Uri>), typeof(InvalidOperationException), typeof(IStepGrain), typeof(GoodRecord), typeof(GoodClass),
        typeof(Recursive), typeof(GoodRecord[]), typeof(GoodRecordStruct), typeof(Generic<int>), typeof(AllProperties),
    ];

    public static TheoryData<Type, string> Bad => new()
    {
        { typeof(object), "lacks [GenerateSerializer]" },
        { typeof(BasketState), "lacks [GenerateSerializer]" },
        { typeof(List<BasketState>), "lacks [GenerateSerializer]" },
        { typeof(Stream), "lacks [GenerateSerializer]" },
        { typeof(IDisposable), "is an interface" },
        { typeof(Func<int>), "lacks [GenerateSerializer]" },
        { typeof(ForgottenMember), "member Forgotten" },
        { typeof(BadMember), "member Inner" },
        { typeof(Generic<BasketState>), "lacks [GenerateSerializer]" },
        { typeof(Derived), "the base of" },
    };

    [Theory]
    [MemberData(nameof(Good))]
    public void WhyNot_TypeThatTravels_IsNull(Type type) => Assert.Null(SerializationRules.WhyNot(type));

    [Theory]
    [MemberData(nameof(Bad))]
    public void WhyNot_TypeThatDoesNotTravel_SaysWhy(Type type, string reason) =>
        Assert.Contains(reason, SerializationRules.WhyNot(type), StringComparison.Ordinal);

    [Theory]
    [InlineData(typeof(ITakesBad), "parameter 'state'")]
    [InlineData(typeof(IReturnsBad), "returns what cannot travel")]
    [InlineData(typeof(IReturnsPlain), "Grain methods return")]
    [InlineData(typeof(IHasProperty), "no properties")]
    [InlineData(typeof(IHasRef), "Pass it by value")]
    [InlineData(typeof(IHasTwoTokens), "more than one CancellationToken")]
    [InlineData(typeof(GoodClass), "is not a grain interface")]
    public async Task GetGrain_InterfaceAgainstTheRules_SaysWhich(Type type, string reason)
    {
        await using var silo = await TestSilo.StartAsync();
        var thrown = Assert.Throws<ArgumentException>(() => silo.Grains.GetGrain(type, "g"));
        Assert.Contains(reason, thrown.Message, StringComparison.Ordinal);
    }

#pragma warning disable CA1822, CA1819
    public interface ITakesBad : IGrainWithStringKey
    {
        public Task Take(BasketState state);
    }

    public interface IReturnsBad : IGrainWithStringKey
    {
        public Task<BasketState> Return();
    }

    public interface IReturnsPlain : IGrainWithStringKey
    {
        public int Return();
    }

    public interface IHasProperty : IGrainWithStringKey
    {
        public Task Property { get; }
    }

    public interface IHasRef : IGrainWithStringKey
    {
        public Task Take(ref int value);
    }

    public interface IHasTwoTokens : IGrainWithStringKey
    {
        public Task Take(CancellationToken one, CancellationToken two);
    }

    [GenerateSerializer]
    public sealed record GoodRecord(int A, string[] B)
    {
        [Id(0)]
        public TimeSpan C { get; init; }
    }

    [GenerateSerializer]
    public readonly record struct GoodRecordStruct(int A);

    [GenerateSerializer]
    public sealed class GoodClass
    {
        [Id(1)]
        private int _field;

        [field: NonSerialized]
        public object? Cache { get; set; }

        [Id(0)]
        public GoodRecord? Property { get; set; }

        public int Field
        {
            get => _field;
            set => _field = value;
        }
    }

    [GenerateSerializer(GenerateFieldIds = GenerateFieldIds.PublicProperties)]
    public sealed class AllProperties
    {
        public int Number { get; set; }
    }

    [GenerateSerializer]
    public sealed class Recursive
    {
        [Id(0)]
        public List<Recursive> Children { get; set; } = [];
    }

    [GenerateSerializer]
    public sealed class Generic<T>
    {
        [Id(0)]
        public T? Value { get; set; }
    }

    [GenerateSerializer]
    public sealed class ForgottenMember
    {
        [Id(0)]
        public int Kept { get; set; }

        public int Forgotten { get; set; }
    }

    [GenerateSerializer]
    public sealed class BadMember
    {
        [Id(0)]
        public BasketState? Inner { get; set; }
    }

    public class Unmarked
    {
        public int Lost { get; set; }
    }

    [GenerateSerializer]
    public sealed class Derived : Unmarked;
#pragma warning restore CA1822, CA1819
}
